import itertools

import pandas as pd
import pytest

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.governance.promotion.automatic import may_promote
from mlreg_dagster.registry import AliasEvent, Evaluation, GateResult

DAY = pd.Timestamp("2026-02-01", tz="UTC")
GOOD, BAD = (GateResult(name, ok, 0.5, "any", "") for name, ok in (("silhouette", True), ("score_gap", False)))


def champion(version: str = "v1") -> AliasEvent:
    when = as_hour("2026-01-20")
    return AliasEvent(1, "champion", 1, version, None, "0" * 64, 1, when, when, "tester", "a test", None, {})


def evaluation(passed: bool, versus: dict | None) -> Evaluation:
    gates = (GOOD,) if passed else (GOOD, BAD)
    return Evaluation(7, "v2", "0" * 64, "0" * 64, passed, gates, {"versus_champion": versus}, {}, DAY, "tester", None)


def compared(right: str, verdict: str, difference: float | None = 0.1) -> dict:
    reason = "of 30 instruments." if difference is not None else "too few samples: there is no instrument."
    versus = {"left": "v2", "right": right, "average_precision": [0.6, 0.5]}
    return {**versus, "verdict": verdict, "difference": difference, "reason": reason}


NOT_COMPARABLE = {"champion": "v1", "not_comparable": "v1 was trained on 3 features; these rows differ"}
VERSUS = {  # how the candidate stands against v1: what the evaluation recorded, and whether it is better
    "nothing recorded": ({}, False),
    "compared with another": (compared("v9", "better"), False),
    "better": (compared("v1", "better"), True),
    "a larger average alone": (compared("v1", "not distinguishable"), False),
    "worse": (compared("v1", "worse", -0.1), False),
    "unknown": (compared("v1", "not distinguishable", None), False),
    "not comparable": (NOT_COMPARABLE, False),
}


@pytest.mark.parametrize(
    ("automatic", "passed", "has_champion", "case"),
    list(itertools.product(("never", "passed", "better"), (True, False), (True, False), VERSUS)),
)
def test_who_may_be_promoted(automatic, passed, has_champion, case):
    versus, is_better = VERSUS[case]
    allowed, reason = may_promote(
        evaluation(passed, versus), champion() if has_champion else None, PromotionSettings(automatic=automatic)
    )
    if automatic == "never" or not passed:
        assert not allowed
    elif not has_champion or automatic == "passed":
        assert allowed
    else:
        assert allowed == is_better
    assert len(reason) >= PromotionSettings().min_reason_length  # it becomes the reason of the promotion


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("compared with another", ["not compared with v1", "evaluate it again"]),
        ("nothing recorded", ["not compared with v1", "evaluate it again"]),
        ("better", ["better than v1", "of 30 instruments"]),
        ("a larger average alone", ["not distinguishable from v1", "of 30 instruments"]),
        ("worse", ["worse than v1"]),
        ("unknown", ["can't be compared with v1", "too few samples"]),
        ("not comparable", ["can't be compared with v1", NOT_COMPARABLE["not_comparable"]]),
    ],
)
def test_the_reason_says_how_they_compare(case, words):
    _, reason = may_promote(evaluation(True, VERSUS[case][0]), champion(), PromotionSettings(automatic="better"))
    assert all(word in reason for word in words)


def test_the_reason_names_the_gates_that_failed_and_no_others():
    _, reason = may_promote(evaluation(False, {}), None, PromotionSettings(automatic="passed"))
    assert reason == "failed: score_gap"


def test_what_can_t_be_compared_with_an_earlier_champion_is_to_be_evaluated_again():
    _, reason = may_promote(evaluation(True, NOT_COMPARABLE), champion("v5"), PromotionSettings(automatic="better"))
    assert "evaluate it again" in reason
