"""`mlreg release` on a home with a champion: real models, a real server. How it starts a rollout: `deploy.test_ci`."""

import json
import tempfile
from datetime import UTC, datetime

import pytest
import yaml

from mlreg_dagster.models.artifacts.files import GRAPH, MANIFEST, MODELS
from mlreg_dagster.registry import Attribution
from mlreg_dagster.release import release
from mlreg_dagster.release.smoke import SMOKE
from mlreg_dagster.release.steps import Step
from mlreg_dagster.serving import extra
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.commands import refused
from mlreg_dagster_tests.lifecycle import CONFIGS
from mlreg_dagster_tests.release.wrong import wrong_in

pytestmark = pytest.mark.slow

WHY = ("--reason", "it finds more")
MEMBER = {"detector": "local_outlier_factor", "params": {"n_neighbors": 20}, "whiten": False}
SLOW = {**CONFIGS["model"], "detector": "ensemble", "params": {}, "members": [MEMBER] * 3}


@pytest.fixture
def on_champion(on_trained):
    """The home on which v1 is champion; v2 passed its gates, v3 did not."""
    assert on_trained("promote", "v1", *WHY).code == 0
    return on_trained


def found(answer):
    """Whether it passed, and the steps by name."""
    facts = json.loads(answer.out)
    assert answer.code == (0 if facts["passed"] else 1)
    return facts["passed"], {step["name"]: step for step in facts["steps"]}


def test_a_version_that_passes_and_nothing_of_the_home_changes(on_champion, own_home, registry, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, served = registry.audit_log(), own_home / "served"
    passed, steps = found(on_champion("release", "v2", "--dry-run", "--json"))
    assert passed, wrong_in(steps)
    assert list(steps) == ["gates", "performance", "smoke", "approvals", "rollout"]
    assert [each["asked_by"] for each in steps["smoke"]["figures"]["answers"]] == ["rows", "instruments"]
    assert registry.audit_log() == before
    assert not served.exists()
    assert not list(tmp_path.glob("mlreg-release-*"))


@pytest.fixture
def unasked(monkeypatch):
    """No server is started for the smoke test, which passes."""
    monkeypatch.setattr(release, "smoke", lambda *_: Step(SMOKE, "passed", "It was not asked."))


def test_a_slow_candidate_is_refused(on_champion, unasked, tmp_path):  # noqa: ARG001
    (tmp_path / "configs" / "model_slow.yaml").write_text(json.dumps(SLOW))
    (tmp_path / "configs" / "rollout.yaml").write_text("{}")  # the limit of the cost is the one that is shipped
    assert on_champion("train", "--model", "model_slow").code == 0
    passed, steps = found(on_champion("release", "v4", "--dry-run", "--json"))
    assert not passed
    assert steps["performance"]["status"] == "failed", steps["performance"]
    assert steps["performance"]["figures"]["requests"][1]["low"] > 1.2
    assert "never evaluated" in steps["gates"]["detail"]


def test_a_damaged_bundle_is_refused_and_the_other_steps_are_taken_all_the_same(on_champion, own_home):
    graph = own_home / "artifacts" / "models" / "v2" / GRAPH
    graph.chmod(0o600)
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    passed, steps = found(on_champion("release", "v2", "--dry-run", "--json"))
    assert not passed
    assert {name: step["status"] for name, step in steps.items()} == {
        "gates": "passed", "performance": "failed", "smoke": "failed", "approvals": "passed", "rollout": "passed",
    }  # fmt: skip
    assert GRAPH in steps["smoke"]["detail"]


def test_a_version_whose_server_answers_otherwise_than_the_model_is_refused(on_champion, own_home, registry):
    store, two = open_artifacts(str(own_home / "artifacts")), registry.version("v2")
    files = store.read(MODELS, "v2") | {GRAPH: store.read(MODELS, "v1")[GRAPH]}
    files[MANIFEST] = files[MANIFEST].replace(b'"version": "v2"', b'"version": "v4"')
    sha256 = store.freeze(MODELS, "v4", files).sha256
    registry.register(
        "v4", Attribution("eve", datetime.now(UTC)), detector=two.detector, dataset_day=two.dataset_day,
        dataset_sha256=two.dataset_sha256, artifact_sha256=sha256, manifest=two.manifest,
    )  # fmt: skip
    _, steps = found(on_champion("release", "v4", "--dry-run", "--json"))
    assert steps["smoke"]["status"] == "failed"
    assert "otherwise than the model" in steps["smoke"]["detail"]
    assert not any(each["within"] for each in steps["smoke"]["figures"]["answers"])


def test_without_approvals_nothing_is_released(on_champion, unasked, registry, tmp_path):  # noqa: ARG001
    (tmp_path / "configs" / "promotion.yaml").write_text(yaml.safe_dump({"low": {"approvals": 1}}))
    assert on_champion("policy", "adopt", *WHY).code == 0
    passed, steps = found(on_champion("release", "v2", *WHY, "--json"))
    assert not passed
    assert list(steps) == ["gates", "performance", "smoke", "approvals", "rollout"]
    assert steps["approvals"]["status"] == "failed"
    assert registry.traffic("champion") is None


def test_what_can_not_be_measured_does_not_pass(on_champion, monkeypatch):
    monkeypatch.setattr(extra, "_NEEDED", ("no_such_package",))
    passed, steps = found(on_champion("release", "v2", "--dry-run", "--json"))
    assert not passed
    assert steps["smoke"]["status"] == "not measured"
    assert "pip install 'mlreg-dagster[serve]'" in steps["smoke"]["detail"]


def test_a_first_version_is_promoted_and_not_released(on_trained):
    _, steps = found(on_trained("release", "v1", "--dry-run", "--unapproved", "--json"))
    assert {name: step["status"] for name, step in steps.items()} == {
        "gates": "passed", "performance": "passed", "smoke": "passed", "rollout": "failed",
    }  # fmt: skip
    assert "mlreg promote v1" in steps["rollout"]["detail"]


def test_what_makes_no_sense_is_refused(on_champion):
    refused(on_champion("release", "v2"), "--reason")
    refused(on_champion("release", "v2", "--unapproved", *WHY), "--dry-run")
    refused(on_champion("release", "v1", "--dry-run"), "v1 is the champion already")
    refused(on_champion("release", "v9", "--dry-run"), "v9")
