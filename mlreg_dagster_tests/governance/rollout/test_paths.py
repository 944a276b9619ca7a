"""Whatever a look finds: nothing gets all traffic without its conditions, and no state is without an exit."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from random import Random

from mlreg_dagster.config import RolloutPolicy, RolloutSettings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.governance.rollout.budgets import Budgets
from mlreg_dagster.governance.rollout.facts import Flags, Outcomes, Permission, Standing, approvals_asked, facts_of
from mlreg_dagster.governance.rollout.labels import Comparison
from mlreg_dagster.governance.rollout.states import INTO_SERVING, STEPS, is_split
from mlreg_dagster.governance.rollout.table import Decision, judge

NOW = as_hour("2018-02-01").to_pydatetime()
LOOKS = 6_000


@dataclass(frozen=True)
class Look:
    standing: Standing
    hours: float
    policy: RolloutPolicy
    counted: Budgets
    matured: Outcomes
    permission: Permission
    decision: Decision

    @property
    def verdict(self):
        return self.matured.comparison.verdict if self.matured.comparison else "undecided"


@cache
def looks():
    """Looks at random rollouts, in which each thing is often fine and sometimes not."""
    random = Random(17)
    return [_look(random) for _ in range(LOOKS)]


def _look(random):
    def mostly(fine, *others):
        return fine if random.random() < 0.85 else random.choice(others)

    policy = RolloutPolicy(
        steps=tuple(step for step in STEPS if random.random() < 0.7) or ("shadow",),
        dwell_hours=random.choice([0.0, 24.0]),
        watch_hours=random.choice([24.0, 168.0]),
        min_requests=random.choice([0, 500]),
        min_pairs=random.choice([0, 1000]),
        canary_approvals=random.randint(0, 2),
        full_approvals=random.randint(0, 2),
        require_not_worse=random.random() < 0.5,
    )
    state = random.choice(INTO_SERVING)
    hours = mostly(200.0, 0.0, 23.0, 24.0, 168.0, 336.0, 337.0)
    standing = Standing(state, NOW - timedelta(hours=hours), NOW, mostly(False, True))
    counted = Budgets(
        breaches=mostly((), ("errors",)),
        blocked=mostly((), ("old counts",)),
        split_is_off=mostly(False, True),
        requests=mostly(9_000, 0, 499, 500),
        rows=mostly((5_000, 250), (0, 0), (5_000, 0)),
        champion_rows=(5_000, 250),
        figures={},
    )
    verdict = random.choice(["not_worse", "not_worse", "not_worse", "undecided", "worse"])
    matured = Outcomes(
        comparison=mostly(Comparison(verdict, 9, 4_000, 0.0, -0.1, 0.1), None),
        pairs=mostly(9_000, 0, 999, 1_000),
        candidate=mostly(Flags(5_000, 250), Flags(), Flags(5_000, 0), Flags(5_000, 5_000)),
        champion=Flags(5_000, 250),
        base_rate=0.02,
        problem=mostly(None, "v1 has two predictions"),
    )
    approved = tuple(f"person {number}" for number in range(mostly(2, 0, 1)))
    permission = Permission(
        mostly(None, "v2 is rejected"),
        mostly((), ("a freeze",)),
        approved,
        approvals_asked(state, policy),
        mostly(True, False),
    )
    facts, _ = facts_of(standing, policy, RolloutSettings(), counted, matured, permission)
    return Look(standing, hours, policy, counted, matured, permission, judge(facts))


def test_nothing_goes_on_without_gates_time_requests_and_pairs():
    advanced = [each for each in looks() if each.decision.ruling == "advance"]
    assert {each.standing.state for each in advanced} == set(INTO_SERVING)
    for each in advanced:
        assert each.permission.invalid is None
        assert each.permission.blocked == each.counted.blocked == each.counted.breaches == ()
        assert each.matured.problem is None
        assert not each.standing.paused
        assert each.verdict != "worse"
        if each.standing.state in STEPS:
            assert each.hours >= each.policy.dwell_hours
            assert each.counted.requests >= each.policy.min_requests
            assert each.matured.pairs >= each.policy.min_pairs


def test_no_version_gets_traffic_or_all_of_it_without_approvals_and_outcomes():
    first = [each for each in looks() if is_split(each.decision.state) and not is_split(each.standing.state)]
    assert all(len(each.permission.approved_by) >= each.policy.canary_approvals for each in first)
    full = [each for each in looks() if each.decision.state == "full" and each.decision.ruling == "advance"]
    assert len(full) > 100
    for each in full:
        assert each.standing.state in STEPS
        assert all(STEPS.index(step) <= STEPS.index(each.standing.state) for step in each.policy.steps)
        assert len(each.permission.approved_by) >= each.policy.full_approvals
        assert each.permission.tier_approved
        assert not each.counted.split_is_off or not is_split(each.standing.state)
        assert each.verdict == "not_worse" or not each.policy.require_not_worse
    closed = [each for each in looks() if each.decision.state == "closed"]
    assert closed
    assert all(each.standing.state == "full" and each.hours >= each.policy.watch_hours for each in closed)


def test_no_state_lasts_longer_than_it_may():
    late = [each for each in looks() if each.hours > each.policy.max_hold_hours]
    assert {each.standing.state for each in late} == set(INTO_SERVING)
    assert all(each.decision.ruling != "hold" for each in late)


def test_what_is_wrong_leads_back_in_one_step_from_each_state():
    wrong = [each for each in looks() if each.permission.invalid or each.counted.breaches or each.verdict == "worse"]
    assert {each.standing.state for each in wrong} == set(INTO_SERVING)
    assert {each.decision.state for each in wrong} == {"rolled_back"}
