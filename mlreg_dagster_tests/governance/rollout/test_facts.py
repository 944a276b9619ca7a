"""From counts, outcomes and permissions to the facts for the table."""

import json

import pandas as pd
import pytest

from mlreg_dagster.config import RolloutPolicy, RolloutSettings
from mlreg_dagster.governance.rollout.budgets import Budgets
from mlreg_dagster.governance.rollout.facts import Flags, Outcomes, Permission, Standing, approvals_asked, facts_of
from mlreg_dagster.governance.rollout.labels import Comparison
from mlreg_dagster.governance.rollout.states import INTO_SERVING

NOW = pd.Timestamp("2018-01-10", tz="UTC").to_pydatetime()
FINE = Flags(10_000, 500)


def found(state="canary_5", hours=25.0, *, paused=False, policy=None, **changes):
    budgets = {
        "breaches": (), "blocked": (), "split_is_off": False, "requests": 500, "rows": (5_000, 250),
        "champion_rows": (50_000, 2_500), "figures": {},
    }  # fmt: skip
    outcomes = {"comparison": None, "pairs": 1000, "candidate": FINE, "champion": FINE, "base_rate": 0.02,
        "next_base_rate": None,
    }  # fmt: skip
    permission = {"invalid": None, "blocked": (), "approved_by": (), "approvals_asked": 0, "tier_approved": True}
    for values in (budgets, outcomes, permission):
        values.update({name: changes.pop(name) for name in list(changes) if name in values})
    assert not changes
    since = (pd.Timestamp(NOW) - pd.Timedelta(hours=hours)).to_pydatetime()
    return facts_of(
        Standing(state, since, NOW, paused),
        policy or RolloutPolicy(),
        RolloutSettings(),
        Budgets(**budgets),
        Outcomes(**outcomes),
        Permission(**permission),
    )


def facts(*args, **changes):
    return found(*args, **changes)[0]


@pytest.mark.parametrize(
    ("state", "hours", "dwelled"),
    [("staging", 0, True), ("shadow", 23.9, False), ("shadow", 24, True), ("full", 167, False), ("full", 168, True)],
)
def test_time_in_a_state(state, hours, dwelled):
    assert facts(state, hours).dwelled is dwelled


@pytest.mark.parametrize(("hours", "too_long"), [(336, False), (336.1, True)])
def test_a_state_has_an_end(hours, too_long):
    assert facts(hours=hours).held_too_long is too_long


@pytest.mark.parametrize("state", INTO_SERVING)
def test_requests_and_pairs_are_asked_in_steps_alone(state):
    few = facts(state, requests=499, pairs=999)
    asked = state not in ("staging", "full")
    assert (few.enough_requests, few.enough_pairs) == (not asked, not asked)
    enough = facts(state)
    assert enough.enough_requests
    assert enough.enough_pairs


@pytest.mark.parametrize(("flagged", "outside"), [(2, True), (3, False), (1250, False), (1251, True)])
@pytest.mark.parametrize("by_hour", [False, True])
def test_flagged_shares_have_an_end_on_both_sides(flagged, outside, by_hour):
    changes = {"candidate": Flags(5_000, flagged)} if by_hour else {"rows": (5_000, flagged)}
    assert facts(**changes).flagged_out is outside


def test_few_rows_say_nothing_of_the_flagged_share():
    assert not facts(rows=(999, 999), candidate=Flags(999, 0)).flagged_out


@pytest.mark.parametrize(("own", "others", "outside"), [(5_000, 50_000, False), (0, 0, False), (0, 50_000, True)])
def test_a_share_that_the_champion_has_too_is_the_traffics(own, others, outside):
    assert facts(rows=(5_000, own), champion_rows=(50_000, others)).flagged_out is outside


@pytest.mark.parametrize(
    ("state", "asked"),
    [("staging", 0), ("shadow", 1), ("canary_5", 0), ("canary_25", 0), ("canary_50", 2), ("full", 0)],
)
def test_approvals_before_the_first_and_before_all_traffic(state, asked):
    assert approvals_asked(state, RolloutPolicy(canary_approvals=1, full_approvals=2)) == asked


def test_approvals_without_a_shadow():
    policy = RolloutPolicy(steps=("canary_50",), canary_approvals=1, full_approvals=2)
    assert [approvals_asked(state, policy) for state in ("staging", "canary_50")] == [1, 2]


@pytest.mark.parametrize(
    ("by", "of_tier", "approved"),
    [(("ann", "eve"), True, True), (("ann",), True, False), (("ann", "eve"), False, False)],
)
def test_approvals_of_both_kinds(by, of_tier, approved):
    assert facts(approvals_asked=2, approved_by=by, tier_approved=of_tier).approved is approved


def test_everything_that_blocks_is_named():
    outcomes = Outcomes(None, 0, FINE, FINE, 0.02, problem="v1 has two predictions")
    _, figures = facts_of(
        Standing("shadow", NOW, NOW, True),
        RolloutPolicy(),
        RolloutSettings(),
        Budgets((), ("counts are old",), False, 0, (0, 0), (0, 0), {}),
        outcomes,
        Permission(None, ("a freeze",), (), 0, True),
    )
    assert figures["blocked"] == ["paused by a person", "a freeze", "v1 has two predictions", "counts are old"]


def test_labels_and_figures():
    comparison = Comparison("worse", 9, 4000, 0.5, 0.1, 0.9)
    given, figures = found(comparison=comparison, breaches=("errors",), invalid="v2 is rejected")
    assert (given.labels, given.breaches, given.invalid) == ("worse", ("errors",), "v2 is rejected")
    expected = {"verdict": "worse", "blocks": 9, "low": 0.1, "high": 0.9, "all_pairs": 1000, "fixed_base_rate": 0.02}
    assert {name: figures["labels"][name] for name in expected} == expected
    assert json.loads(json.dumps(figures)) == figures


def test_the_base_rate_is_fixed_by_the_first_change_that_has_one():
    _, figures = found(base_rate=None, next_base_rate=0.03)
    assert (figures["base_rate"], figures["labels"]["fixed_base_rate"]) == (0.03, None)
    _, figures = found(base_rate=0.02, next_base_rate=None)
    assert figures["base_rate"] == 0.02
