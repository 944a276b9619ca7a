"""Bins, counts by hour, and the statistics of a day that follow from their sums."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.monitoring.sketches.bins import BINS, cut
from mlreg_dagster.monitoring.sketches.counting import (
    as_counts,
    as_texts,
    bins_in,
    counts_of_days,
    rows_of_bins,
    sketches_of,
)
from mlreg_dagster.monitoring.sketches.days import day_statistics, hourly_sums
from mlreg_dagster.monitoring.sketches.schema import FEATURE_SKETCH, SKETCH_BINS

DAY = as_hour("2026-03-02")
NAMES = ("even", "skewed", "discrete", "unknown")


def _rows(hours=48, instruments=30, seed=1):
    rng, number = np.random.default_rng(seed), hours * instruments
    frame = pd.DataFrame(
        {
            "hour": pd.DatetimeIndex([DAY + hour * HOUR for hour in range(hours)]).as_unit("us").repeat(instruments),
            "even": rng.uniform(size=number),
            "skewed": rng.lognormal(0, 2, size=number),
            "discrete": rng.integers(0, 3, size=number).astype(float),
            "unknown": np.nan,
        }
    )
    frame.loc[rng.random(number) < 0.1, "even"] = np.nan
    return frame


def _bins(rows):
    return cut(NAMES, rows[list(NAMES)].to_numpy())


def test_training_rows_have_the_mean_rank_one_half_whatever_their_distribution():
    bins = _bins(_rows())
    known = bins.counts.sum(axis=1)
    mean = (bins.counts * bins.ranks).sum(axis=1)[:3] / known[:3]
    np.testing.assert_allclose(mean, 0.5, atol=1e-12)
    assert known[3] == 0
    assert bins.nulls[3] == 48 * 30


def test_each_row_is_counted_once_or_as_null():
    rows = _rows()
    sketches = sketches_of(rows, _bins(rows), "reference")
    FEATURE_SKETCH.validate(sketches)
    counted = as_counts(sketches["counts"].tolist()).sum(axis=1)
    np.testing.assert_array_equal(counted + sketches["nulls"], sketches["rows"])
    assert (sketches["rows"] == 30).all()
    assert len(sketches) == 48 * len(NAMES)


def test_sums_of_hours_are_the_counts_of_the_day():
    rows, bins = _rows(), _bins(_rows())
    days = pd.date_range(DAY, periods=2, freq="D", unit="us")
    sketches = sketches_of(rows, bins, "reference")
    counts = counts_of_days(sketches, days, NAMES)
    first = rows[rows["hour"] < DAY + 24 * HOUR]
    expected, _ = np.histogram(first["skewed"], [-np.inf, *bins.edges[1], np.inf])
    assert counts[0, 1].sum() == expected.sum() == 24 * 30
    statistics = day_statistics(hourly_sums(sketches, days, NAMES))
    by_hand = (counts[0] * bins.ranks).sum(axis=1)[:3] / counts[0].sum(axis=1)[:3]
    np.testing.assert_allclose(statistics[0, :3, 0], by_hand)
    assert np.isnan(statistics[:, 3]).all()


def test_hours_of_a_day_can_be_chosen():
    rows, bins = _rows(24), _bins(_rows())
    days = pd.DatetimeIndex([DAY])
    chosen = np.arange(24) < 12
    part = day_statistics(hourly_sums(sketches_of(rows, bins, "r"), days, NAMES), chosen)
    alone = day_statistics(hourly_sums(sketches_of(rows[rows["hour"] < DAY + 12 * HOUR], bins, "r"), days, NAMES))
    np.testing.assert_array_equal(part, alone)


@given(st.permutations(range(24)))
def test_hours_that_come_in_another_order_give_the_same_day(order):
    rows, bins = _rows(24), _bins(_rows())
    parts = [sketches_of(rows[rows["hour"] == DAY + hour * HOUR], bins, "r") for hour in order]
    days = pd.DatetimeIndex([DAY])
    shuffled = day_statistics(hourly_sums(pd.concat(parts, ignore_index=True), days, NAMES))
    together = day_statistics(hourly_sums(sketches_of(rows, bins, "r"), days, NAMES))
    np.testing.assert_array_equal(shuffled, together)


def test_bins_and_counts_come_back_from_their_tables():
    bins = _bins(_rows())
    rows = SKETCH_BINS.validate(rows_of_bins(bins, "reference"))
    again = bins_in(rows)
    np.testing.assert_array_equal(again.edges, bins.edges)
    np.testing.assert_array_equal(again.counts, bins.counts)
    assert (again.names, again.nulls.tolist()) == (bins.names, bins.nulls.tolist())
    counts = np.arange(2 * BINS).reshape(2, BINS)
    np.testing.assert_array_equal(as_counts(as_texts(counts)), counts)


def test_an_hour_takes_a_few_hundred_bytes_a_feature():
    rows = _rows(instruments=250)
    sketches = sketches_of(rows, _bins(rows), "reference")
    a_year = sketches["counts"].str.len().mean() * 37 * 24 * 365
    assert a_year < 200e6


def test_a_value_beyond_all_training_rows_is_at_the_end():
    rows = _rows()
    far = rows.assign(even=1e9, skewed=-1e9)
    sketches = sketches_of(far, _bins(rows), "r").set_index("feature")
    assert sketches.loc["even", "rank_sum"].iloc[0] / 30 == pytest.approx(1, abs=0.02)
    assert sketches.loc["skewed", "rank_sum"].iloc[0] / 30 == pytest.approx(0, abs=0.02)
