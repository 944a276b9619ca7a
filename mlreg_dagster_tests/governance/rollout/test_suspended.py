"""A rollout while its alias is suspended: it holds, no alias moves forward, and the way back is open."""

import pytest

from mlreg_dagster.config import PromotionSettings, RolloutPolicy
from mlreg_dagster.governance.promotion.permits import PromotionHeld
from mlreg_dagster.governance.rollout import control
from mlreg_dagster.governance.rollout.looking import rows_of_open_rollout
from mlreg_dagster.governance.rollout.permission import permission_for
from mlreg_dagster.governance.rollout.states import STEPS
from mlreg_dagster.governance.rollout.table import Facts, judge
from mlreg_dagster.governance.suspension.suspending import Authority, resume, suspend
from mlreg_dagster.registry import Attribution
from mlreg_dagster_tests.governance.promotion.builders import NOW, governed
from mlreg_dagster_tests.governance.rollout.rolling import brought_to, holders, look_at, started, stepped

BY = Attribution("carla", NOW, "it flags all")
ANYBODY = Authority(PromotionSettings())
READY = {"steps": STEPS, "dwelled": True, "enough_requests": True, "enough_pairs": True, "approved": True}


def test_none_is_started(rolling):
    registry, store = rolling
    suspend(registry, "champion", BY, ANYBODY)
    with pytest.raises(PromotionHeld, match="Nothing moves but back"):
        started(registry, store)
    assert registry.traffic("champion") is None
    assert registry.refusals()[-1].outcome == "hold"


@pytest.mark.parametrize("alias", ["champion", "challenger"])
def test_what_it_waits_for_is_said(rolling, alias):
    registry, store = rolling
    brought_to(registry, store, "canary_5")
    suspend(registry, alias, BY, ANYBODY)
    rows = rows_of_open_rollout(registry)
    found = permission_for(registry, governed(), rows, RolloutPolicy(), NOW, store, as_of=NOW)
    assert found.suspended == (alias == "champion")
    if alias == "champion":
        assert any("champion is suspended since" in each for each in found.blocked)
    resume(registry, alias, BY, ANYBODY)
    assert not permission_for(registry, governed(), rows, RolloutPolicy(), NOW, store, as_of=NOW).suspended


@pytest.mark.parametrize("state", ["staging", *STEPS, "full"])
def test_no_step_goes_on(state):
    found = judge(Facts(state, suspended=True, blocked=("champion is suspended",), **READY))
    assert (found.row, found.ruling, found.state) == (6, "hold", state)


def test_neither_does_the_end_of_an_ab_test():
    assert judge(Facts("ab", ab=True, **READY)).ruling == "finish"
    found = judge(Facts("ab", ab=True, suspended=True, blocked=("champion is suspended",), **READY))
    assert (found.row, found.ruling) == (6, "hold")
    assert "champion is suspended" in found.reason


@pytest.mark.parametrize("state", ["shadow", "canary_50", "full"])
def test_what_speaks_against_the_candidate_still_rolls_it_back(state):
    facts = Facts(state, suspended=True, blocked=("champion is suspended",), breaches=("errors",), **READY)
    assert judge(facts).ruling == "roll_back"


def test_a_step_that_was_decided_before_moves_no_alias(rolling):
    registry, store = rolling
    brought_to(registry, store, "canary_50")
    look = look_at(registry)
    suspend(registry, "champion", BY, ANYBODY)
    with pytest.raises(PromotionHeld, match="champion is suspended since"):
        control.step(registry, store, governed(), look, BY)
    assert registry.traffic("champion").state == "canary_50"
    assert holders(registry)["champion"] == "v1"


def test_a_rollout_with_all_traffic_can_be_aborted_and_it_stays_suspended(rolling):
    registry, store = rolling
    event = brought_to(registry, store, "full")
    suspend(registry, "champion", BY, ANYBODY)
    assert not look_at(registry).unpaired
    control.abort(registry, store, governed(), "champion", BY, event.sequence)
    assert holders(registry)["champion"] == "v1"
    assert registry.suspension("champion").version == "v2"


def test_after_the_resumption_it_goes_on(rolling):
    registry, store = rolling
    brought_to(registry, store, "canary_5")
    suspend(registry, "champion", BY, ANYBODY)
    resume(registry, "champion", BY, ANYBODY)
    assert stepped(registry, store).state == "canary_25"
