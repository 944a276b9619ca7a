"""The report of an A/B test: the look that stops it counts, and what it says can be followed over time."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from mlreg_dagster.governance.rollout.ab import finding, last_look, make_report
from mlreg_dagster.governance.rollout.labels import Comparison, Rows, Weights
from mlreg_dagster.governance.rollout.states import ABTest
from mlreg_dagster.registry import TrafficEvent

OPENED = datetime(2026, 3, 1, tzinfo=UTC)
FIRST = int(OPENED.timestamp() // 3600)
DAY = timedelta(days=1)


def event(sequence, state, days, ruling="advance", reason="as planned", facts=None):
    since = OPENED + days * DAY
    return TrafficEvent(
        sequence, "champion", sequence, 1, state, "v1", "a" * 64, "v2", "b" * 64, 5000 * (state == "ab"),
        state == "ab", "salt", ruling, facts or {}, None, since, "automation", reason, since, None,
    )  # fmt: skip


def events(*ending, days=28):
    opening = event(1, "staging", 0, "open", facts=ABTest(5000, days).facts)
    return [opening, event(2, "ab", 0), *ending]


def market(recall, days=28, seed=1, instruments=30):
    """The champion finds half of the crashes; `recall` is the candidate's, which may change on a day."""
    rng = np.random.default_rng(seed)
    hours = np.arange(days * 24).repeat(instruments)
    crashes = rng.random(len(hours)) < 0.1
    own = np.where(hours < recall[0] * 24, recall[1], recall[2]) if isinstance(recall, tuple) else recall
    champion, candidate = (rng.random(len(hours)) < np.where(crashes, chance, 0.05) for chance in (0.5, own))
    return Rows(hours + FIRST, crashes, candidate, champion)


def report(rows, happened=(), day=29.0):
    until = FIRST + int(24 * (day - 1))
    weights = Weights.of(0.1)
    return make_report(happened or events(), rows, opened=FIRST, until=until, weights=weights, margin=0.1, alpha=0.05)


class TestStoppingRule:
    def test_the_first_look_that_says_worse_stops_it_whatever_is_seen_later(self):
        found = [Comparison(v, t, 1, 0.1, 0.1, 0.2) for t, v in enumerate(("undecided", "worse", "undecided"), 1)]
        assert last_look(found) is found[1]
        assert last_look(found[:1]) is found[0]
        assert last_look([]) is None

    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            (0.01, 0.3, "worse"),
            (-0.3, -0.01, "better"),
            (-0.3, 0.05, "not worse"),
            (-0.3, 0.2, "no difference shown"),
            (None, None, "too early"),
        ],
    )
    def test_what_is_found_is_said_in_both_directions(self, low, high, expected):
        assert finding(Comparison("undecided", 9, 1, 0.0, low, high), 0.1) == expected


class TestReport:
    def test_a_worse_candidate_stops_it_before_its_days_are_over(self):
        made = report(market(recall=0.2))
        assert made.finding == "worse"
        assert made.stopped == 7, "the first look that may say anything"
        assert made.looks[made.stopped - 1].finding == "worse"
        assert made.rows == 14 * 24 * 30, "rows after the stop are not measured"
        candidate, champion = made.arms
        assert (candidate.version, champion.version) == ("v2", "v1")
        assert candidate.recall == pytest.approx(0.2, abs=0.03)
        assert champion.recall == pytest.approx(0.5, abs=0.03)
        assert made.sentence.startswith("v2 is worse than v1: the mean loss differs by +0.3")

    def test_later_rows_do_not_change_what_stopped_it(self):
        worse_at_first = market(recall=(16, 0.2, 0.9))
        assert report(worse_at_first).finding == report(worse_at_first, day=17).finding == "worse"
        assert report(worse_at_first).rows == report(worse_at_first, day=17).rows

    def test_equal_versions_run_for_all_days(self):
        made = report(market(recall=0.5))
        assert (made.stopped, made.finding, len(made.looks)) == (None, "not worse", 14)
        assert all(each.low is None for each in made.looks[:6])
        assert all(each.low < each.difference < each.high for each in made.looks[6:])

    def test_a_better_candidate_is_called_so_and_does_not_stop_it(self):
        made = report(market(recall=0.8))
        assert (made.stopped, made.finding) == (None, "better")

    def test_rows_after_its_end_do_not_count_and_it_is_final_when_its_outcomes_are_due(self):
        over = events(event(3, "finished", 20, "finish", "The days of the A/B test are over."), days=20)
        rows = market(recall=(20, 0.5, 0.0))
        early, late = report(rows, over, day=20.5), report(rows, over, day=40)
        assert (early.is_final, late.is_final) == (False, True)
        assert (late.state, late.ended, late.reason) == ("finished", OPENED + 20 * DAY, over[-1].reason)
        assert len(late.looks) == 10
        assert late.finding == "not worse"

    def test_an_interval_is_not_shown_before_there_are_enough_blocks(self):
        made = report(market(recall=0.0), day=5)
        assert (made.finding, made.stopped, len(made.looks)) == ("too early", None, 2)
        assert made.sentence == "Too early: 2 of 7 blocks of two days have known outcomes."

    def test_without_rows_nothing_is_known_and_nothing_is_zero(self):
        made = report(market(recall=0.5, days=0))
        assert (made.rows, made.finding, made.looks) == (0, "too early", ())
        assert [(each.recall, each.precision, each.false_alarm_rate) for each in made.arms] == [(None, None, None)] * 2
