"""Blocks of time are those of the calendar, and their intervals hold what they promise about as often as they say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.outcomes.worth.blocks import (
    MIN_DAYS,
    MIN_WEEKS,
    blocks_of,
    difference_of_ratios,
    first_day_of,
    interval,
    ratio,
    standard_error,
    week_of,
)


@given(st.integers(-20_000, 40_000))
def test_weeks_begin_on_monday(day):
    date = pd.Timestamp(0) + pd.Timedelta(days=day)
    (week,) = week_of(np.array([day]))
    assert pd.Timestamp(0) + pd.Timedelta(days=int(first_day_of(week))) == date - pd.Timedelta(days=date.day_of_week)


def test_blocks_are_weeks_from_six_on_and_days_before():
    days = np.arange(4, 4 + 7 * MIN_WEEKS)  # day 4 was a Monday
    counts = np.stack([np.ones(len(days)), days], axis=1).astype(float)
    blocks, unit = blocks_of(counts, days)
    assert (unit, blocks[:, 0].tolist()) == ("weeks", [7.0] * MIN_WEEKS)
    blocks, unit = blocks_of(counts[:-7], days[:-7])
    assert (unit, len(blocks)) == ("days", len(days) - 7)


def some_blocks(rng, number=12, rate=0.2):
    """Hits and flags of two: whole blocks are good or bad for both."""
    luck = rng.gamma(2.0, 0.5, size=number)
    flags = rng.integers(50, 150, size=(number, 2))
    hits = rng.binomial(flags, np.minimum(rate * luck, 1)[:, None])
    return np.stack([hits[:, 0], flags[:, 0], hits[:, 1], flags[:, 1]], axis=1).astype(float)


def test_intervals_cover_about_as_often_as_they_say():
    """Twelve blocks that are good or bad as a whole: rows taken as independent would cover less than two of three."""
    rng = np.random.default_rng(3)
    covered, by_rows = [], []
    for _ in range(200):
        counts = some_blocks(rng)
        low, high = interval(counts[:, :2], ratio, 0.95, 200)
        covered.append(low <= 0.2 <= high)
        share = counts[:, 0].sum() / counts[:, 1].sum()
        by_rows.append(abs(share - 0.2) < 1.96 * np.sqrt(share * (1 - share) / counts[:, 1].sum()))
    assert 0.89 <= np.mean(covered) <= 1
    assert np.mean(by_rows) < 0.66


def test_a_paired_difference_is_known_better_than_what_it_is_made_of():
    counts = some_blocks(np.random.default_rng(1), 20)
    low, high = interval(counts, difference_of_ratios, 0.95, 500)
    alone = interval(counts[:, :2], ratio, 0.95, 500)
    assert high - low < alone[1] - alone[0]


@given(st.randoms(use_true_random=False), st.floats(0.01, 1000))
def test_an_interval_depends_on_neither_the_order_of_blocks_nor_their_scale(random, scale):
    counts = some_blocks(np.random.default_rng(5), 9)
    order = list(range(len(counts)))
    random.shuffle(order)
    found = interval(counts[order] * scale, difference_of_ratios, 0.9, 100)
    assert found == pytest.approx(interval(counts, difference_of_ratios, 0.9, 100), rel=1e-9)


@pytest.mark.parametrize(
    "counts",
    [
        np.array([[1.0, 10.0]] * (MIN_DAYS - 1) + [[2.0, 10.0]])[1:],  # too few
        np.array([[1.0, 10.0]] * 20),  # all alike
        np.array([[0.0, 0.0]] * 20),  # undefined
        np.array([[3.0, 10.0]] + [[0.0, 0.0]] * 20),  # undefined in many resamples
    ],
)
def test_an_interval_that_cannot_be_told_is_nan(counts):
    assert np.isnan(interval(counts, ratio, 0.95, 200)).all()


def test_the_standard_error_is_that_of_a_mean_where_all_blocks_are_of_one_size():
    values = np.random.default_rng(0).normal(size=30)
    counts = np.stack([values, np.ones(30)], axis=1)
    assert standard_error(counts, ratio) == pytest.approx(values.std(ddof=1) / np.sqrt(30))
