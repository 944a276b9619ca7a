"""Each budget has counts by which it speaks, and counts by which it does not."""

import json

import pytest

from mlreg_dagster.config import RolloutSettings
from mlreg_dagster.governance.rollout.budgets import Context, measure
from mlreg_dagster.storage.rollout_counts import ArmCounts, Counted
from mlreg_dagster_tests.governance.rollout.counted import BEGIN, MINUTE, arm, counted, keys, period

WEIGHTS = {1: 0, 2: 0, 3: 5_000}


def measured(found, *, minutes=5, current=(3,), weights=WEIGHTS, needs_server=True, **settings):
    now = (BEGIN + minutes * MINUTE).to_pydatetime()
    return measure(found, Context(weights, frozenset(current), RolloutSettings(**settings), now, needs_server))


def breaches(found, **changes):
    return "; ".join(measured(found, **changes).breaches)


def test_a_candidate_like_the_champion_breaks_nothing():
    found = measured(counted(candidate=arm(error_seconds=0), champion=arm()))
    assert (found.breaches, found.blocked, found.split_is_off) == ((), (), False)
    assert found.requests == 1500
    assert (found.rows, found.champion_rows) == ((15_000, 750), (15_000, 750))
    assert json.loads(json.dumps(found.figures)) == found.figures


class TestErrors:
    def test_more_than_the_champion(self):
        text = breaches(counted(candidate=arm(errors=3, error_seconds=3)))
        assert "errors in 15 of 250 seconds, allowed are 1.00%" in text

    def test_one_request_in_a_hundred(self):
        assert "errors" in breaches(counted(candidate=arm(errors=3, error_seconds=3)), minutes=2)

    def test_as_many_as_the_champion_and_within_the_budget(self):
        same = arm(errors=1, error_seconds=1)
        assert breaches(counted(candidate=same, champion=same), error_share=0.05) == ""

    def test_beyond_the_budget_although_the_champion_has_as_many(self):
        same = arm(errors=10, error_seconds=10)
        assert "against the budget" in breaches(counted(candidate=same, champion=same))

    def test_while_it_shadows(self):
        shadow = arm(errors=40, error_seconds=40)
        assert "errors" in breaches(counted(candidate=ArmCounts(), shadow=shadow, sequence=2))
        assert breaches(counted(candidate=ArmCounts(), shadow=arm(), sequence=2)) == ""

    def test_while_it_shadows_against_the_champion_alone(self):
        shadow = arm(errors=3, error_seconds=3)
        assert "errors" in breaches(counted(candidate=ArmCounts(), shadow=shadow, sequence=2), error_share=0.5)

    def test_with_all_traffic_when_the_champion_answers_no_more(self):
        alone = {"champion": ArmCounts(), "candidate": arm(errors=10, error_seconds=10)}
        assert "errors" in breaches(counted(**alone))
        assert breaches(counted(champion=ArmCounts(), candidate=arm())) == ""

    def test_not_before_there_are_enough_seconds(self):
        few = arm(10, errors=10, error_seconds=10, seconds=10)
        assert breaches(counted(1, candidate=few)) == ""
        assert "errors" in breaches(counted(3, candidate=few))


class TestSlow:
    def test_slower_than_the_champion(self):
        assert "slow answers (over 100 ms)" in breaches(counted(candidate=arm(slow=40, slow_seconds=10)))

    def test_as_slow_as_the_champion(self):
        same = arm(slow=2, slow_seconds=2)
        assert breaches(counted(candidate=same, champion=same)) == ""

    def test_shadow_answers_have_no_time_limit(self):
        assert breaches(counted(candidate=ArmCounts(), shadow=arm(slow=300, slow_seconds=50))) == ""


class TestScores:
    def test_one_that_is_no_number(self):
        assert "no finite numbers in 1 of 300" in breaches(counted(1, candidate=arm(not_finite=1)))

    def test_one_in_the_shadow(self):
        assert "no finite numbers" in breaches(counted(1, candidate=ArmCounts(), shadow=arm(not_finite=1)))

    def test_as_many_as_the_champion(self):
        assert breaches(counted(1, candidate=arm(not_finite=1), champion=arm(not_finite=1))) == ""


class TestCost:
    def test_twice_the_champions_and_more(self):
        text = breaches(counted(candidate=arm(cpu_seconds=0.7)))
        assert "233 ms of CPU for 1,000 rows against 100 of the champion, allowed is 2 times as much" in text

    def test_not_quite_twice(self):
        assert breaches(counted(candidate=arm(cpu_seconds=0.55))) == ""

    def test_an_absolute_limit(self):
        assert "100 ms of CPU for 1,000 rows, allowed are 50" in breaches(counted(), cpu_ms_per_1000=50.0)
        assert breaches(counted(), cpu_ms_per_1000=150.0) == ""

    def test_not_before_there_are_enough_rows(self):
        assert breaches(counted(1, candidate=arm(99, cpu_seconds=9.0))) == ""
        assert breaches(counted(1, candidate=arm(cpu_seconds=9.0), champion=arm(99))) == ""
        assert "CPU" in breaches(counted(1, candidate=arm(cpu_seconds=9.0), champion=arm(100)))

    def test_in_the_shadow_before_it_answers(self):
        assert "CPU" in breaches(counted(candidate=ArmCounts(), shadow=arm(cpu_seconds=0.7)))


class TestAvailability:
    def test_a_crash_loop(self):
        loop = Counted(tuple(period(minute, process=f"p{minute}", started=True) for minute in range(3)))
        assert "servers started 3 times within 10 minutes" in breaches(loop)

    def test_starts_that_lie_apart(self):
        apart = Counted(tuple(period(6 * each, process=f"p{each}", started=True) for each in range(5)))
        assert breaches(apart, minutes=60) == ""

    def test_starts_before_it_answers(self):
        starts = (
            period(each, process=f"p{each}", started=True, sequence=2, candidate=ArmCounts()) for each in range(5)
        )
        assert breaches(Counted(tuple(starts))) == ""

    def test_servers_that_cannot_load_it(self):
        text = breaches(counted(2, unloadable="v2 has other bytes", candidate=ArmCounts()))
        assert "a server can't load it: v2 has other bytes" in text

    def test_a_server_that_has_loaded_it_at_last(self):
        found = Counted((period(0, unloadable="not there yet"), period(1)))
        assert breaches(found) == ""


class TestSplit:
    @pytest.mark.parametrize(
        ("candidate", "champion", "is_off"), [(500, 500, False), (530, 470, False), (50, 950, True)]
    )
    def test_distinct_keys_against_the_weight(self, candidate, champion, is_off):
        arms = {"candidate": arm(keys=keys(candidate)), "champion": arm(keys=keys(champion, 10_000))}
        assert measured(counted(**arms)).split_is_off is is_off

    def test_keys_of_another_state_do_not_count(self):
        arms = {"candidate": arm(keys=keys(50)), "champion": arm(keys=keys(950, 10_000))}
        assert not measured(counted(**arms, sequence=3), current=(4,), weights=WEIGHTS | {4: 5_000}).split_is_off


class TestKnowledge:
    def test_old_counts(self):
        assert measured(counted(1), minutes=6).blocked == ()
        assert "the newest counts of a server are 301 s old" in str(
            measure(
                counted(1),
                Context(WEIGHTS, frozenset({3}), RolloutSettings(), (BEGIN + 361 * MINUTE / 60).to_pydatetime(), True),
            ).blocked
        )

    def test_no_counts(self):
        assert "no server has written counts" in str(measured(Counted()).blocked)
        assert measured(Counted(), needs_server=False).blocked == ()

    def test_lost_log_lines(self):
        assert "50 of 3,000 answers are not in the prediction log" in str(measured(counted(log_dropped=10)).blocked)
        assert measured(counted(log_dropped=5)).blocked == ()

    def test_what_was_counted_later_is_not_known_yet(self):
        late = counted(candidate=arm(errors=300, error_seconds=50))
        assert measured(late, minutes=0).figures["newest"] is None
        assert measured(late, minutes=0).breaches == ()

    def test_requests_of_other_states_are_not_those_of_this_one(self):
        found = Counted((period(0, sequence=2, shadow=arm(), candidate=ArmCounts()), period(1)))
        assert measured(found).requests == 300
        assert measured(found, current=(2,)).requests == 300


def test_counts_that_can_not_be_read_let_nothing_go_on():
    found = measured(Counted(counted().periods, problem="the counts in p1.jsonl can't be read"), needs_server=False)
    assert found.blocked == ("the counts in p1.jsonl can't be read",)
