"""What a run is asked to do with a rollout: complete, and no more than its action takes."""

import pytest

from mlreg_dagster.governance.promotion.request import NotAReason
from mlreg_dagster.governance.rollout.request import NotARolloutRequest, RolloutAction
from mlreg_dagster.governance.rollout.states import ABTest
from mlreg_dagster.registry import InvalidRecord

WHY = "better on the holdout"


@pytest.mark.parametrize(
    "action",
    [
        RolloutAction("start", "anna", version="v2", reason=WHY, expected="v1"),
        RolloutAction("step", "automation"),
        RolloutAction("step", "automation", expected="3"),
        RolloutAction("abort", "anna", reason=WHY, expected="3"),
        RolloutAction("start", "anna", version="v2", reason=WHY, ab_weight=12.5, ab_days=7),
    ],
)
def test_what_is_complete_is_taken(action):
    assert action.checked() is action


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        (RolloutAction("stop", "anna", reason=WHY), "'stop' is no action; actions are start, step, pause, resume, abo"),
        (RolloutAction("start", "anna", reason=WHY), "start needs a version"),
        (RolloutAction("abort", "anna", version="v2", reason=WHY), "abort takes no version"),
        (RolloutAction("pause", "anna"), "pause needs a reason"),
        (RolloutAction("start", "anna", version="v2", reason=WHY, ab_weight=50), "needs both ab_weight"),
        (RolloutAction("abort", "anna", reason=WHY, ab_weight=50, ab_days=7), "abort takes no A/B test"),
        (RolloutAction("pause", "anna", reason=WHY, expected="v1"), "'v1' is not the number of a change"),
    ],
)
def test_what_is_not_says_what_is_missing(action, complaint):
    with pytest.raises(NotARolloutRequest, match=complaint):
        action.checked()


def test_an_ab_test_has_a_weight_in_basis_points():
    assert RolloutAction("start", "anna", version="v2", reason=WHY, ab_weight=12.5, ab_days=7).test == ABTest(1_250, 7)
    assert RolloutAction("start", "anna", version="v2", reason=WHY).test is None
    with pytest.raises(InvalidRecord, match="compares nothing"):
        RolloutAction("start", "anna", version="v2", reason=WHY, ab_weight=100, ab_days=7).checked()


@pytest.mark.parametrize(("weight", "days"), [("nan", 7), ("inf", 7), (50, 366), (50, 10**14), (50, 0)])
def test_a_test_without_a_share_or_an_end_is_refused(weight, days):
    with pytest.raises(InvalidRecord, match=r"in per cent|1 to 365 days"):
        RolloutAction("start", "anna", version="v2", reason=WHY, ab_weight=float(weight), ab_days=days).checked()


def test_a_placeholder_is_no_reason():
    with pytest.raises(NotAReason):
        RolloutAction("abort", "anna", reason="TODO").checked()


def test_its_run_is_found_by_the_version():
    start = RolloutAction("start", "anna", version="v2", reason=WHY)
    assert start.tags("v1")["mlreg/version"] == "v2"  # v1 was the candidate of the rollout before
    assert RolloutAction("abort", "anna", reason=WHY).tags("v1") == {
        "mlreg/version": "v1",
        "mlreg/alias": "champion",
        "mlreg/actor": "anna",
        "mlreg/rollout": "abort",
    }
    assert "mlreg/version" not in RolloutAction("abort", "anna", reason=WHY).tags()
