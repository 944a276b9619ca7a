"""Better, worse, not distinguishable: on pairs of which it is known, and by intervals that hold what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.models.evaluation.statistics import paired_bootstrap, weighted_average_precision

SETTINGS = ComparisonSettings(bootstrap_samples=200)


def means(values):
    """The difference of a bootstrap over instruments of one value each."""
    return lambda draws: draws @ values / draws.sum(axis=1)


# --- the bootstrap over instruments ------------------------------------------------------------------------


@pytest.mark.parametrize(("shift", "verdict"), [(1.0, "better"), (-1.0, "worse"), (0.0, "not distinguishable")])
def test_the_bootstrap_tells_apart_what_lies_apart(shift, verdict):
    values = np.random.default_rng(0).normal(size=50)
    values = values - values.mean() + shift
    found = paired_bootstrap(50, 50, means(values), SETTINGS)
    assert (found.verdict, found.samples, found.difference) == (verdict, 50, pytest.approx(shift))
    assert found.low < found.difference < found.high
    assert found == paired_bootstrap(50, 50, means(values), SETTINGS)


def test_rows_of_one_instrument_are_no_evidence_of_their_own():
    """Many rows of few instruments that differ in which side they favour: by rows one would be sure."""
    by_instrument = np.array([1.0] * 13 + [-1.0] * 8)
    rows = np.repeat(by_instrument, 100)
    whole = paired_bootstrap(21, 21, lambda draws: draws @ (by_instrument * 100) / (draws.sum(axis=1) * 100), SETTINGS)
    assert whole.verdict == "not distinguishable"
    assert paired_bootstrap(len(rows), len(rows), means(rows), SETTINGS).verdict == "better"
    assert whole.difference == pytest.approx(rows.mean())


def test_too_few_instruments_tell_nothing_apart():
    values = np.ones(30)
    found = paired_bootstrap(30, 19, means(values), SETTINGS)
    assert (found.verdict, found.difference, found.low, found.samples) == ("not distinguishable", 1.0, None, 19)
    assert found.reason == "too few samples: 19 instruments tell something, asked are 20."
    assert paired_bootstrap(30, 20, means(values), SETTINGS).verdict == "better"
    assert paired_bootstrap(0, 0, means(values[:0]), SETTINGS).difference is None


def test_a_difference_that_most_resamples_do_not_have_tells_nothing():
    def seldom(draws):
        return np.where(draws[:, 0] == 1, 1.0, np.nan)

    found = paired_bootstrap(30, 30, seldom, SETTINGS)
    assert (found.verdict, found.difference, found.low) == ("not distinguishable", 1.0, None)
    assert "undefined in" in found.reason


def test_intervals_hold_the_truth_about_as_often_as_they_promise():
    """200 samples of 40 instruments whose true mean difference is 0.3."""
    rng = np.random.default_rng(1)
    held = apart = 0
    for _ in range(200):
        found = paired_bootstrap(40, 40, means(rng.normal(0.3, 1.0, size=40)), SETTINGS)
        held += found.low <= 0.3 <= found.high
        apart += paired_bootstrap(40, 40, means(rng.normal(0.0, 1.0, size=40)), SETTINGS).verdict != (
            "not distinguishable"
        )
    assert 0.89 <= held / 200 <= 0.99
    assert apart / 200 <= 0.11


# --- average precision of resamples ----------------------------------------------------------------------


@given(st.data())
def test_weighted_average_precision_is_that_of_rows_repeated(data):
    rows = data.draw(st.integers(2, 40))
    planted = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    planted[0] = True
    scores = np.array(data.draw(st.lists(st.integers(0, 6), min_size=rows, max_size=rows)), dtype=float)  # ties
    instruments = np.array(data.draw(st.lists(st.integers(0, 4), min_size=rows, max_size=rows)))
    draws = np.array(data.draw(st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=4)))
    found = weighted_average_precision(scores, planted, instruments, draws.astype(float))
    for weights, value in zip(draws, found, strict=True):
        times = weights[instruments]
        if not planted[times > 0].any():
            assert np.isnan(value)
        else:
            expected = average_precision_score(np.repeat(planted, times), np.repeat(scores, times))
            assert value == pytest.approx(expected)
