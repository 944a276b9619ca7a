"""A former holder is judged by what admitted it; what today's policy asks beyond is told."""

from dataclasses import replace

import pandas as pd
import pytest

from mlreg_dagster.config import EvaluationSettings, PromotionSettings, UseCaseSettings
from mlreg_dagster.config.sections.evaluation import GateBounds
from mlreg_dagster.governance.policy.admission import admission_of, judged_evaluation
from mlreg_dagster.governance.policy.facts import facts_of
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.governance.policy.judgement import judge
from mlreg_dagster.registry import (
    AliasEvent,
    Attribution,
    Dossier,
    Evaluation,
    GateResult,
    GatesNotPassed,
    ModelVersion,
)

NOW = pd.Timestamp("2026-03-01 12:30", tz="UTC")
VERSION = ModelVersion("v1", NOW, "tom", None, "isolation_forest", "2026-02-27", "d" * 64, "a" * 64, {})
THEN = EvaluationSettings().model_dump(mode="json")
STRICTER = EvaluationSettings(min_score_gap=0.5).model_dump(mode="json")
HIGH = Rules(PromotionSettings(), UseCaseSettings(risk_tier="high"), EvaluationSettings())


def gate(name, passed=True):
    return GateResult(name, passed, 0.2, "at least 0.1", f"{name} as measured")


def evaluated(number, *gates, thresholds=THEN, departures=None):
    passed = all(each.passed for each in gates)
    return Evaluation(
        number, "v1", "a" * 64, "h" * 64, passed, gates, {}, thresholds, NOW, "tom", None, departures=departures
    )


def moved(sequence, version, before, evaluation_id=1, **facts):
    evidence = {"facts": facts} if facts else {}
    return AliasEvent(
        sequence, "champion", sequence, version, before, "a" * 64, evaluation_id, NOW, NOW, "ann", "why", None, evidence
    )


HELD = (moved(1, "v1", None), moved(2, "v2", "v1", evaluation_id=9))


def dossier(*evaluations, moves=HELD):
    return Dossier("champion", VERSION, list(evaluations), [], [], list(moves), None)


def facts(rules, *evaluations, moves=HELD):
    found = dossier(*evaluations, moves=moves)
    judged = judged_evaluation(found, experiments=False)
    by = Attribution("ann", NOW)
    return facts_of(found, rules, judged, by, matured_outcomes=lambda: 0, worth=lambda: ())


def outcome(found, rules=HIGH):
    return judge(found, rules.promotion.of(rules.use_case.risk_tier), rules.promotion).outcome


def test_the_gates_of_a_stricter_tier_are_told_and_not_required():
    found = facts(HIGH, evaluated(1, gate("score_gap")))
    assert (found.is_rollback, found.failed_gates, found.missing_gates) == (True, (), ())
    assert "noise_robustness was not measured" in found.stricter_today
    assert outcome(found) == "promote"
    first = facts(HIGH, evaluated(1, gate("score_gap")), moves=())
    assert "noise_robustness" in first.missing_gates
    assert (first.stricter_today, outcome(first)) == ((), "refuse")


def test_a_failure_under_stricter_settings_or_by_another_gate_is_told_and_not_required():
    admitting = evaluated(1, gate("score_gap"))
    for since in (
        evaluated(2, gate("score_gap", passed=False), thresholds=STRICTER),
        evaluated(2, gate("score_gap"), gate("missing_feature_robustness", passed=False)),
    ):
        found = facts(HIGH, admitting, since)
        failed = next(each.name for each in since.gates if not each.passed)
        assert f"{failed} ({failed} as measured) failed" in found.stricter_today
        assert (found.failed_gates, outcome(found)) == ((), "promote")
        with pytest.raises(GatesNotPassed):
            facts(HIGH, admitting, since, moves=())


def test_a_gate_that_admitted_it_and_fails_since_under_the_same_settings_refuses_it():
    found = facts(HIGH, evaluated(1, gate("score_gap")), evaluated(2, gate("score_gap", passed=False)))
    assert found.failed_gates == ("score_gap (score_gap as measured)",)
    assert outcome(found) == "refuse"


def test_an_experiment_since_counts_for_nothing():
    experiment = evaluated(2, gate("score_gap", passed=False), departures=("the holdout was another",))
    assert outcome(facts(HIGH, evaluated(1, gate("score_gap")), experiment)) == "promote"


def test_it_need_not_be_better_than_the_champion_that_it_replaces():
    admitting = evaluated(1, gate("score_gap"), gate("better_than_champion"))
    since = evaluated(2, gate("score_gap"), gate("better_than_champion", passed=False))
    assert facts(HIGH, admitting, since).failed_gates == ()


def test_a_rollback_is_no_admission():
    moves = (*HELD, moved(3, "v1", "v2", evaluation_id=2, is_rollback=True), moved(4, "v3", "v1", evaluation_id=9))
    evaluations = (evaluated(1, gate("score_gap")), evaluated(2, gate("score_gap"), thresholds=STRICTER))
    assert admission_of(dossier(*evaluations, moves=moves)).move.sequence == 1
    promoted = replace(moves[2], evidence={})
    assert admission_of(dossier(*evaluations, moves=(*HELD, promoted, moves[3]))).move.sequence == 3


def test_a_gate_of_a_plug_in_that_is_in_force_today_is_told():
    own = EvaluationSettings(gates={"own_gate": GateBounds(at_least=0.1)})
    found = facts(replace(HIGH, evaluation=own), evaluated(1, gate("score_gap")))
    assert "own_gate was not measured" in found.stricter_today
