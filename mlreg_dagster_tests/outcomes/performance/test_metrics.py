import math
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.outcomes.performance.metrics import count, performance, rates_in_use, summary, summary_of_counts
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE
from mlreg_dagster_tests.outcomes.frames import at, outcomes_of

SETTINGS = OutcomeSettings(bootstrap_samples=200)
RATES = ("recall", "precision", "false_alarm_rate", "base_rate", "lift")


@st.composite
def some_rows(draw):
    """Outcomes of four instruments and two versions over three days; at times only of one kind."""
    random = Random(draw(st.integers(0, 2**32)))
    possible = draw(st.sampled_from([["crash", "no_crash", "unresolved"], ["no_crash"], ["crash"], ["unresolved"]]))
    rows = [
        {
            "at": offset,
            "instrument_id": name,
            "model_version": version,
            "is_anomaly": random.random() < 0.5,
            "in_sample": random.random() < 0.3,
            "outcome": random.choice(possible),
        }
        for offset in range(0, 72, 4)
        for name in "abcd"
        for version in ("v1", "v2")
    ]
    return random.sample(rows, draw(st.integers(0, len(rows))))


def rows_of(instrument, true_positives=0, false_positives=0, false_negatives=0, true_negatives=0):
    kinds = [(True, "crash")] * true_positives + [(True, "no_crash")] * false_positives
    kinds += [(False, "crash")] * false_negatives + [(False, "no_crash")] * true_negatives
    return [
        {"at": offset, "instrument_id": instrument, "is_anomaly": flagged, "outcome": outcome}
        for offset, (flagged, outcome) in enumerate(kinds)
    ]


def total(rows, settings=SETTINGS):
    found = summary(outcomes_of(rows), settings)
    assert len(found) == 1
    return found.iloc[0]


def same(value, expected):
    return math.isnan(value) if expected is None else value == pytest.approx(expected)


@given(some_rows())
def test_counts_and_rates_are_those_counted_by_hand(rows):
    found = performance(outcomes_of(rows))
    MODEL_PERFORMANCE.validate(found)

    groups = {}
    for row in rows:
        groups.setdefault((at(row["at"] // 24 * 24), row["model_version"]), []).append(row)
    assert list(zip(found["day"], found["model_version"], strict=True)) == sorted(groups)
    for measured in found.to_dict("records"):
        group = groups[measured["day"], measured["model_version"]]
        judged = [row for row in group if not row["in_sample"] and row["outcome"] != "unresolved"]
        crashed = [row for row in judged if row["outcome"] == "crash"]
        flagged = [row for row in judged if row["is_anomaly"]]
        hits = [row for row in crashed if row["is_anomaly"]]
        assert measured["predictions"] == len(group)
        assert measured["in_sample"] == sum(row["in_sample"] for row in group)
        assert measured["resolved"] == len(judged)
        assert measured["unresolved"] == len(group) - measured["in_sample"] - len(judged)
        assert (measured["crashes"], measured["flagged"]) == (len(crashed), len(flagged))
        assert measured["n_instruments_crashed"] == len({row["instrument_id"] for row in crashed})
        assert measured["true_positives"] == len(hits)
        assert measured["false_positives"] == len(flagged) - len(hits)
        assert measured["false_negatives"] == len(crashed) - len(hits)
        assert measured["true_negatives"] == len(judged) - len(flagged) - len(crashed) + len(hits)
        calm = len(judged) - len(crashed)
        assert same(measured["recall"], len(hits) / len(crashed) if crashed else None)
        assert same(measured["precision"], len(hits) / len(flagged) if flagged else None)
        assert same(measured["false_alarm_rate"], (len(flagged) - len(hits)) / calm if calm else None)
        assert same(measured["base_rate"], len(crashed) / len(judged) if judged else None)
        lift = len(hits) / len(flagged) * len(judged) / len(crashed) if flagged and crashed else None
        assert same(measured["lift"], lift)


@given(some_rows())
def test_in_sample_rows_are_counted_and_change_no_metric(rows):
    opposite = {"crash": "no_crash", "no_crash": "unresolved", "unresolved": "crash"}
    flipped = [
        {**row, "outcome": opposite[row["outcome"]], "is_anomaly": not row["is_anomaly"]} if row["in_sample"] else row
        for row in rows
    ]
    found = performance(outcomes_of(rows))
    pd.testing.assert_frame_equal(performance(outcomes_of(flipped)), found)
    assert found["in_sample"].sum() == sum(row["in_sample"] for row in rows)


@given(some_rows())
def test_unresolved_rows_are_counted_and_enter_no_rate(rows):
    lost = [{"at": 80, "instrument_id": f"lost {n}", "is_anomaly": True, "outcome": "unresolved"} for n in range(3)]
    anchor = {"at": 72, "instrument_id": "a"}
    before, after = (summary(outcomes_of([anchor, *rows, *more]), SETTINGS).iloc[0] for more in ([], lost))
    assert (after["unresolved"], after["predictions"]) == (
        before["unresolved"] + 3,
        before["predictions"] + 3,
    )
    pd.testing.assert_series_equal(*(row.drop(["unresolved", "predictions"]) for row in (before, after)))


@given(some_rows())
def test_the_summary_is_the_performance_of_one_long_day(rows):
    outcomes = outcomes_of(rows)
    in_a_day = performance(outcomes.assign(hour=at(0))).drop(columns="day")
    ends = [name for name in in_a_day if name.endswith(("_low", "_high"))]
    assert in_a_day[ends].isna().all(axis=None)
    pd.testing.assert_frame_equal(summary(outcomes, SETTINGS).drop(columns=ends), in_a_day.drop(columns=ends))


@given(some_rows(), st.integers(0, 30))
def test_rows_counted_in_pieces_sum_up_to_the_whole(rows, cut):
    outcomes = outcomes_of(rows)
    counts = [count(outcomes[:cut]), count(outcomes[cut:])]
    pd.testing.assert_frame_equal(summary_of_counts(counts, SETTINGS), summary(outcomes, SETTINGS))


def test_without_a_crash_recall_and_lift_are_null_and_not_zero():
    found = total(rows_of("a", false_positives=2, true_negatives=8) + rows_of("b", true_negatives=10))
    assert found[["recall", "recall_low", "recall_high", "lift", "lift_low", "lift_high"]].isna().all()
    assert (found["base_rate"], found["precision"], found["false_alarm_rate"]) == (0, 0, 0.1)


def test_without_a_flag_precision_and_lift_are_null_and_recall_is_zero():
    found = total(rows_of("a", false_negatives=2, true_negatives=8) + rows_of("b", true_negatives=10))
    assert found[["precision", "precision_low", "precision_high", "lift", "lift_low", "lift_high"]].isna().all()
    assert (found["recall"], found["base_rate"]) == (0, 0.1)


def test_where_nothing_is_resolved_every_rate_is_null():
    found = total([{"outcome": "unresolved"}, {"at": 1, "in_sample": True, "outcome": "crash"}])
    assert (found["predictions"], found["in_sample"], found["unresolved"], found["resolved"]) == (2, 1, 1, 0)
    assert found[[name for name in found.index if name.startswith(RATES)]].isna().all()


def test_no_outcomes_have_no_performance():
    assert MODEL_PERFORMANCE.validate(performance(outcomes_of([]))).empty
    assert summary(outcomes_of([]), SETTINGS).empty


def some_weeks(weeks, seed=0, instruments=5):
    """Outcomes of so many weeks, one prediction a day: crashes come for all instruments at once, in some weeks more."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(7 * weeks):
        falls = rng.random() < 0.1 + 0.2 * (day // 7 % 3)
        rows += [
            {
                "at": 24 * (day + 6),  # predicted from 2020-01-06 on, a Monday
                "instrument_id": f"coin {number}",
                "is_anomaly": rng.random() < (0.4 if falls else 0.2),
                "outcome": "crash" if falls and rng.random() < 0.8 else "no_crash",
            }
            for number in range(instruments)
        ]
    return rows


def ends_of(found, rate):
    return found[f"{rate}_low"], found[f"{rate}_high"]


ENDS = [f"{rate}_{end}" for rate in RATES for end in ("low", "high")]


@pytest.mark.parametrize("rate", RATES)
def test_an_interval_lies_around_its_rate_within_what_is_possible(rate):
    found = total(some_weeks(12))
    low, high = ends_of(found, rate)
    assert 0 <= low < found[rate] < high <= (np.inf if rate == "lift" else 1)


def test_more_instruments_or_hours_of_the_same_weeks_are_no_more_evidence():
    """Each row ten times, under another name and in another hour of the same day: nothing new was seen."""
    rows = some_weeks(8)
    again = [
        {**row, "instrument_id": f"{row['instrument_id']} {copy}", "at": row["at"] + copy}
        for row in rows
        for copy in range(10)
    ]
    once, often = total(rows), total(again)
    for rate in RATES:
        assert ends_of(often, rate) == pytest.approx(ends_of(once, rate))


def test_weeks_begin_on_monday_and_are_the_unit_from_six_on():
    """Whole weeks in another order are the same evidence; what a day moves into the week before is not."""
    rows = some_weeks(6)
    weeks = [row for week in (3, 1, 5, 0, 2, 4) for row in rows[week * 35 : (week + 1) * 35]]
    in_other_order = [{**row, "at": old["at"]} for row, old in zip(weeks, rows, strict=True)]
    a_day_before = [{**row, "at": row["at"] - 24} for row in rows]
    pd.testing.assert_series_equal(total(in_other_order)[ENDS], total(rows)[ENDS])
    assert ends_of(total(a_day_before), "recall") != ends_of(total(rows), "recall")


def test_where_weeks_are_few_days_are_resampled_and_of_fewer_than_six_nothing_is_told():
    days = some_weeks(2, seed=3)
    low, high = ends_of(total(days), "base_rate")
    assert low < high
    found = total([row for row in days if row["at"] < days[0]["at"] + 5 * 24])
    assert found["base_rate"] > 0
    assert found[ENDS].isna().all()


def test_intervals_depend_on_neither_chance_nor_order():
    outcomes = outcomes_of(some_weeks(7))
    shuffled = outcomes.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(summary(outcomes, SETTINGS), summary(shuffled, SETTINGS))


@pytest.mark.parametrize("outcome", ["crash", "no_crash"])
def test_where_all_blocks_are_alike_no_interval_is_told(outcome):
    found = total([{**row, "is_anomaly": True, "outcome": outcome} for row in some_weeks(8)])
    assert found["recall" if outcome == "crash" else "false_alarm_rate"] == 1
    assert found[ENDS].isna().all()


def test_rates_in_use_follow_the_champions_of_the_day_whatever_their_version():
    flagged, crash = {"is_anomaly": True}, {"outcome": "crash"}
    outcomes = outcomes_of(
        [
            {"at": 24, "instrument_id": "a", **flagged, **crash},
            {"at": 25, "instrument_id": "a", "model_version": "v2", **flagged},
            {"at": 25, "instrument_id": "b", "model_version": "v2", **crash},
            {"at": 25, "instrument_id": "c", "model_version": "v2", "outcome": "unresolved"},
            {"at": 25, "instrument_id": "d", "model_version": "v2", "in_sample": True, **flagged},
            {"at": 25, "instrument_id": "a", "model_version": "v1", "role": "challenger"},
            {"at": 25, "instrument_id": "a", "model_version": "v3", "role": "requested", **flagged},
            {"at": 48, "instrument_id": "a", "model_version": "v2"},
        ]
    )
    first, second = rates_in_use(outcomes).to_dict("records")
    assert (first["recall"], first["precision"], first["lift"]) == (1 / 2, 1 / 2, 3 / 4)
    assert (first["flagged_share"], first["unknown_share"]) == (2 / 3, 1 / 4)
    assert (first["challenger_flagged_share"], first["challenger_unknown_share"]) == (0.0, 0.0)
    assert (second["flagged_share"], second["false_alarm_rate"]) == (0.0, 0.0)
    assert all(pd.isna(second[name]) for name in ("recall", "precision", "lift", "challenger_recall"))
    assert rates_in_use(outcomes[:0]).empty
