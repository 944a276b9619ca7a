"""How calls are timed: in turn, without the first round, within a budget."""

import pytest

from mlreg_dagster.models.optimisation import timing
from mlreg_dagster.models.optimisation.timing import side_by_side, timed


class Clock:
    """A clock that only calls move on."""

    def __init__(self):
        self.now = 0.0

    def taking(self, *seconds):
        """A call that takes so long each time; the last one for ever."""
        left = list(seconds)

        def call():
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return call


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: found.now)
    return found


def test_calls_side_by_side_are_repeated_alike():
    seen = []
    left, right = side_by_side([lambda: seen.append("left"), lambda: seen.append("right")], 0.001)
    assert left.repeats == right.repeats == len(seen) // 2 - 1
    assert seen == ["left", "right"] * (len(seen) // 2)
    (once,) = side_by_side([lambda: None], 0.0)
    assert (once.repeats, once.p95_ms) == (1, None)


def test_the_first_round_warms_up_and_does_not_count(clock):
    found = timed(clock.taking(9.0, 0.001), 9.01)
    assert found.median_ms == pytest.approx(1)
    assert found.repeats >= 9


def test_one_call_is_made_whatever_the_budget_and_counts_where_it_is_the_only_one(clock):
    found = timed(clock.taking(2.0), 0.5)
    assert (found.median_ms, found.p95_ms, found.repeats) == (2000, None, 1)


@pytest.mark.parametrize(("budget", "repeats", "has_p95"), [(5.0, 4, False), (6.0, 5, True)])
def test_a_95th_percentile_needs_five_repeats(clock, budget, repeats, has_p95):
    found = timed(clock.taking(1.0), budget)
    assert (found.repeats, found.p95_ms is not None) == (repeats, has_p95)


def test_no_more_than_two_hundred_repeats_are_made_however_fast_they_are(clock):
    assert timed(clock.taking(0.0), 1.0).repeats == 200


def test_each_of_several_has_its_own_figures(clock):
    slow, fast = side_by_side([clock.taking(0.2), clock.taking(0.1)], 1.0)
    assert (slow.median_ms, fast.median_ms) == (pytest.approx(200), pytest.approx(100))
    assert slow.repeats == fast.repeats
