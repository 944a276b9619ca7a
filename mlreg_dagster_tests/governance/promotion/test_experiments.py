"""Evaluations that were not done as the policy in force wants them."""

import pytest

from mlreg_dagster.config import EvaluationSettings, PromotionSettings, UseCaseSettings
from mlreg_dagster.governance.policy.adoption import adopt
from mlreg_dagster.governance.policy.governance import Governance
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.governance.promotion.promotion import PromotionRefused
from mlreg_dagster.registry import Attribution, GatesNotPassed
from mlreg_dagster_tests.governance.promotion.builders import LAX, NOW, evaluate, rules

SEEDED = EvaluationSettings(injection={"seed": 21})


def test_an_experiment_admits_nothing_and_erases_nothing(refused, registry):
    evaluate(registry, "v1", failing=["score_gap"])
    evaluate(registry, "v1", departures=("max_anomaly_rate was 1.0 instead of 0.2",))
    assert registry.status("v1") == "rejected"
    refused(GatesNotPassed, "score_gap", version="v1")


def test_a_tier_may_admit_experiments_and_then_the_record_says_so(move, registry, in_force):
    evaluate(registry, "v1", failing=["score_gap"])
    lax = LAX.model_dump(mode="json")
    evaluate(registry, "v1", thresholds=lax, departures=("max_anomaly_rate was 1.0 instead of 0.2",))
    event = move("v1", governance=in_force(low={"experiments": True}))
    assert event.evidence["facts"]["departures"] == ["max_anomaly_rate was 1.0 instead of 0.2"]
    assert "failed score_gap" in event.evidence["facts"]["failed_before"][0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"thresholds": {**LAX.model_dump(mode="json")}}, "max_anomaly_rate was 1.0 instead of 0.2"),
        ({"thresholds": {**SEEDED.model_dump(mode="json")}}, "injection.seed was 21 instead of 20"),
        ({"holdout_day": "2020-01-11"}, "the holdout was 2020-01-11 instead of"),
        ({"code_sha256": "c" * 64}, "the gates' code was another"),
    ],
)
def test_an_evaluation_that_differs_from_what_is_in_force_admits_nothing(refused, registry, changes, said):
    evaluate(registry, "v1", **changes)
    refused(PromotionRefused, f"not done as configured .*{said}", version="v1")


def test_thresholds_that_were_lowered_by_adoption_show(move, registry):
    evaluate(registry, "v1", failing=["score_gap"])
    registry.record_first_policy(rules().content, NOW)
    files = Rules(PromotionSettings(), UseCaseSettings(), LAX)
    adopt(registry, files, Attribution("ann", NOW, "they are too strict"))
    evaluate(registry, "v1", thresholds=LAX.model_dump(mode="json"))
    event = move("v1", governance=Governance(files, lambda _: 0, lambda *_: (), lambda _: 0, lambda _: {}))
    assert "failed score_gap under other settings" in event.evidence["facts"]["failed_before"][0]
