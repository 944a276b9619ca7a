"""Evaluations that were not done as the policy in force wants them."""

import pytest

from mlreg_dagster.config import EvaluationSettings, PromotionSettings, UseCaseSettings
from mlreg_dagster.governance.policy.adoption import adopt
from mlreg_dagster.governance.policy.governance import Governance
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.governance.promotion.promotion import PromotionRefused
from mlreg_dagster.models.gates import AVERAGE_PRECISION
from mlreg_dagster.registry import Attribution, GateResult, GatesNotPassed
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


@pytest.mark.parametrize("low", [-0.05, None])
def test_a_tier_that_asks_for_intervals_refuses_what_passed_by_its_value_alone(refused, registry, in_force, low):
    """As an evaluation does that was made under another tier, or by an earlier release."""
    interval = None if low is None else {"low": low, "high": 0.1, "seeds": {}, "days": {}}
    planted = GateResult(AVERAGE_PRECISION, True, 0.011, "at least 0 above the baseline", "torn", interval)
    evaluate(registry, "v1", gates=(planted,))
    said = "it has no interval" if low is None else r"the lower end of its interval is -0\.0500"
    asked = in_force(low={"planted_interval": True})
    refused(PromotionRefused, f"failed {AVERAGE_PRECISION} .*{said}", version="v1", governance=asked)


def test_an_interval_above_what_is_asked_is_let_through(move, registry, in_force):
    interval = {"low": 0.001, "high": 0.1, "seeds": {}, "days": {}}
    evaluate(registry, "v1", gates=(GateResult(AVERAGE_PRECISION, True, 0.05, "", "sure", interval),))
    assert move("v1", governance=in_force(low={"planted_interval": True})).version == "v1"


def test_an_evaluation_of_an_earlier_release_is_no_experiment_under_the_policy_of_then(move, registry):
    """Its record names no seeds, days and refits, nor does the policy; under the new defaults it would depart."""
    before = EvaluationSettings(injection={"seeds": 1, "days": 1, "rounds": 5}, comparison={"refits": 0})
    recorded = before.model_dump(mode="json")
    assert "seeds" not in recorded["injection"]
    files = Rules(PromotionSettings(), UseCaseSettings(), before)
    evaluate(registry, "v1", thresholds=recorded)
    event = move("v1", governance=Governance(files, lambda _: 0, lambda *_: (), lambda _: 0, lambda _: {}))
    assert event.evidence["facts"]["departures"] == []


def test_it_departs_where_more_seeds_are_in_force(refused, registry):
    before = EvaluationSettings(injection={"seeds": 1, "days": 1, "rounds": 5}, comparison={"refits": 0})
    evaluate(registry, "v1", thresholds=before.model_dump(mode="json"))
    refused(PromotionRefused, "injection.seeds was unset instead of 5", version="v1")
