"""`mlreg rehearse`: changes that do not pass. One that does, of features and policy, is in `deploy.test_ci`."""

import json
import tempfile

import pytest

from mlreg_dagster_tests.lifecycle import CONFIGS

pytestmark = pytest.mark.slow


@pytest.fixture
def change(tmp_path):
    """Writes a file of the checkout."""

    def write(name, **values):
        (tmp_path / "configs" / f"{name}.yaml").write_text(json.dumps({**CONFIGS.get(name, {}), **values}))

    return write


def steps_of(answer):
    facts = json.loads(answer.out)
    assert answer.code == (0 if facts["passed"] else 1)
    return facts, {step["name"]: step for step in facts["steps"]}


def test_nothing_is_left_of_a_change_that_fails_a_gate(on_trained, change, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    change("evaluation", min_score_gap=1000.0)
    _, steps = steps_of(on_trained("rehearse", "--json"))
    assert steps["gates"]["status"] == "failed"
    assert "score_gap" in steps["gates"]["detail"]
    assert not list(tmp_path.glob("mlreg-rehearsal-*"))


def test_a_change_that_can_not_be_trained_says_why_and_goes_no_further(on_trained, change):
    change("model", features=["no_such_feature"])
    facts, steps = steps_of(on_trained("rehearse", "--json"))
    assert list(steps) == ["policy", "dataset", "training"]
    assert steps["training"]["status"] == "failed"
    assert "no_such_feature" in steps["training"]["detail"]
    assert facts["model"] == "model"


def test_a_home_that_can_not_be_copied_is_refused(mlreg):
    answer = mlreg("rehearse", "--json")
    assert (answer.code, answer.out) == (1, "")
    assert "mlreg: There is no registry in" in answer.err
