"""Effect sizes from counts."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, wasserstein_distance

from mlreg_dagster.monitoring.drift.statistics.effects import effects
from mlreg_dagster.monitoring.sketches.bins import count, cut


def _sizes(left, right):
    bins = cut(("x",), left[:, None])
    return effects(bins.counts, count(right[:, None], bins.edges)[0])[0]


def test_the_same_rows_have_none():
    values = np.random.default_rng(1).normal(size=5000)
    np.testing.assert_allclose(_sizes(values, values), 0, atol=1e-12)


def test_they_are_those_of_scipy_but_for_the_bins():
    rng = np.random.default_rng(2)
    left, right = rng.normal(size=20_000), rng.normal(0.3, 1.4, size=20_000)
    ks, _, js, wasserstein = _sizes(left, right)
    assert ks == pytest.approx(ks_2samp(left, right).statistic, abs=0.02)
    ranks = np.sort(left)
    expected = wasserstein_distance(*(np.searchsorted(ranks, each) / len(ranks) for each in (left, right)))
    assert wasserstein == pytest.approx(expected, abs=0.01)
    edges = np.quantile(left, np.arange(1, 64) / 64)
    shares = [np.bincount(np.searchsorted(edges, each, side="right"), minlength=64) for each in (left, right)]
    assert js == pytest.approx(jensenshannon(*shares, base=2), abs=1e-9)


def test_a_feature_without_a_value_has_no_effect_size():
    nothing = np.zeros((1, 64), dtype=np.int64)
    assert np.isnan(effects(nothing, nothing)).all()
