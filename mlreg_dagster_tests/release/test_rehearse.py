"""`mlreg rehearse`: a change of configuration or code is tried on a copy of the home."""

import json
import tempfile

import pytest
import yaml

from mlreg_dagster_tests.commands import refused
from mlreg_dagster_tests.lifecycle import CONFIGS

pytestmark = pytest.mark.slow

WHY = ("--reason", "the first that passed")


@pytest.fixture
def change(tmp_path):
    """Writes a file of the checkout."""

    def write(name, **values):
        (tmp_path / "configs" / f"{name}.yaml").write_text(json.dumps({**CONFIGS.get(name, {}), **values}))

    return write


def everything_in(home):
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and "dagster" not in path.parts}


def steps_of(answer):
    facts = json.loads(answer.out)
    assert answer.code == (0 if facts["passed"] else 1)
    return facts, {step["name"]: step for step in facts["steps"]}


def test_features_policy_and_model_are_tried_and_nothing_of_the_home_changes(
    on_trained, own_home, change, monkeypatch, tmp_path
):
    assert on_trained("promote", "v1", *WHY).code == 0
    before = everything_in(own_home)
    change("features", rolling_hours=[24, 48])
    change("promotion", low={"approvals": 1})
    change("model", features=[*CONFIGS["model"]["features"], "slog_volume_24h_mean_48h"])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    facts, steps = steps_of(on_trained("rehearse", "--json"))
    assert facts["passed"], steps
    assert list(steps) == ["policy", "dataset", "training", "gates", "performance", "smoke"]
    assert "promotion.low.approvals: 0 → 1" in steps["policy"]["figures"]["differences"]
    assert steps["dataset"]["figures"]["hours_computed_again"] == 144
    assert facts["champion"] == "v1"
    assert everything_in(own_home) == before
    assert not list(tmp_path.glob("mlreg-rehearsal-*"))


def test_a_change_that_can_not_be_trained_says_why_and_goes_no_further(on_trained, change):
    change("model", features=["no_such_feature"])
    facts, steps = steps_of(on_trained("rehearse", "--json"))
    assert list(steps) == ["policy", "dataset", "training"]
    assert steps["training"]["status"] == "failed"
    assert "no_such_feature" in steps["training"]["detail"]
    assert facts["model"] == "model"


def test_a_change_that_fails_a_gate_does_not_pass(on_trained, change):
    change("evaluation", min_score_gap=1000.0)
    _, steps = steps_of(on_trained("rehearse", "--json"))
    assert steps["gates"]["status"] == "failed"
    assert "score_gap" in steps["gates"]["detail"]
    assert "mlreg-rehearsal" not in yaml.safe_dump(steps)


def test_a_home_that_can_not_be_copied_is_refused(mlreg):
    refused(mlreg("rehearse", "--json"), "There is no registry in")
