"""Gates and approvals of a release, on a registry."""

from pathlib import Path

import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mlreg_dagster.governance.decisions.decide import DecisionRequest, decide
from mlreg_dagster.governance.decisions.signing import public_key
from mlreg_dagster.governance.policy.in_force import PolicyNotAdopted
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.registry.errors import GatesNotPassed
from mlreg_dagster.release import policy
from mlreg_dagster.release.policy import evidence_on
from mlreg_dagster_tests.governance.promotion.builders import NOW, evaluate, rules
from mlreg_dagster_tests.registry.builders import register, sha

BOB = Attribution("bob", NOW, "it finds more")
_LATER = pd.Timedelta(minutes=1)


@pytest.fixture
def on_record(tmp_path: Path) -> Registry:
    """v1, which was not evaluated yet."""
    found = Registry(f"sqlite:///{tmp_path}/registry.sqlite")
    register(found, "v1", artifact_sha256=sha("v1"), created_at=NOW)
    return found


def evidence(registry: Registry, by: Attribution = BOB, **promotion):
    return evidence_on(registry, registry.dossier("v1", "champion"), rules(**promotion), by)


def approve(registry: Registry, actor: str, **promotion) -> None:
    by = Attribution(actor, NOW - _LATER, "looked at it")
    decide(registry, DecisionRequest("approval", "v1"), by, rules().promotion, **promotion)


def test_the_gates_of_the_newest_evaluation_count(on_record: Registry) -> None:
    with pytest.raises(GatesNotPassed, match="never evaluated"):
        evidence(on_record)
    evaluate(on_record, "v1", failing=("score_gap",))
    with pytest.raises(GatesNotPassed, match="score_gap"):
        evidence(on_record)
    evaluate(on_record, "v1")
    step = policy.gates(evidence(on_record))
    assert step.status == "passed"
    assert (step.figures["evaluation"], len(step.figures["gates"])) == (2, 5)


def test_an_evaluation_that_was_not_done_as_configured_does_not_pass(on_record: Registry) -> None:
    evaluate(on_record, "v1", thresholds={**rules().evaluation.model_dump(mode="json"), "max_anomaly_rate": 1.0})
    step = policy.gates(evidence(on_record))
    assert step.status == "failed"
    assert "max_anomaly_rate" in step.detail


def test_a_gate_that_the_tier_asks_for_has_to_be_measured(on_record: Registry) -> None:
    evaluate(on_record, "v1")
    step = policy.gates(evidence(on_record, low={"gates": ("model_size",)}))
    assert step.status == "failed"
    assert "model_size was not measured" in step.detail


def test_without_approvals_a_version_waits_and_the_step_says_how_many_are_there(on_record: Registry) -> None:
    evaluate(on_record, "v1")
    asked = {"low": {"approvals": 2}}
    evidence(on_record, **asked)  # the first policy is in force
    approve(on_record, "carl")
    step = policy.approvals(evidence(on_record, **asked))
    assert step.status == "failed"
    assert "1 of 2 approvals" in step.detail
    assert step.figures["approved_by"] == ["carl"]
    approve(on_record, "dora")
    assert policy.approvals(evidence(on_record, **asked)).status == "passed"
    by_carl = policy.approvals(evidence(on_record, Attribution("carl", NOW, "it finds more"), **asked))
    assert "carl, who promotes it" in by_carl.detail


def test_where_people_have_keys_an_approval_without_a_signature_does_not_count(on_record: Registry) -> None:
    evaluate(on_record, "v1")
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    asked = {"low": {"approvals": 1}, "people": {"bob": {}, "carl": {"public_key": public_key(key)}}}
    evidence(on_record, **asked)
    approve(on_record, "carl")  # by a policy that knows of no keys
    step = policy.approvals(evidence(on_record, **asked))
    assert (step.status, step.figures["approved_by"]) == ("failed", [])
    assert "signature is missing" in step.detail


def test_a_rejection_and_a_freeze_stop_a_release(on_record: Registry) -> None:
    evaluate(on_record, "v1")
    frozen = {"freezes": [{"first": "2020-01-01T00:00", "until": "2030-01-01T00:00", "reason": "the audit"}]}
    assert "the audit" in policy.approvals(evidence(on_record, **frozen)).detail
    decide(on_record, DecisionRequest("rejection", "v1"), Attribution("eve", NOW, "it is odd"), rules().promotion)
    assert "rejected by eve (it is odd)" in policy.approvals(evidence(on_record, **frozen)).detail


def test_what_outcomes_have_to_show_is_left_to_the_rollout(on_record: Registry) -> None:
    evaluate(on_record, "v1")
    assert policy.approvals(evidence(on_record, low={"worth": "better"}, min_matured_outcomes=50)).status == "passed"


def test_files_that_are_not_in_force_release_nothing(on_record: Registry) -> None:
    evaluate(on_record, "v1")
    evidence(on_record)
    with pytest.raises(PolicyNotAdopted, match="approvals: 0 → 1"):
        evidence(on_record, low={"approvals": 1})
