"""Folds see nothing of the holdout, nothing after themselves, and no planting seed of an evaluation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import InjectionSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.models.selection.folds import CannotSelect, make_folds, market_window, own_seeds, precision_at_budget
from mlreg_dagster.models.selection.groups import groups_of


@pytest.fixture(scope="module")
def folds(dataset, market, settings):
    return list(make_folds(dataset, market, settings.model("model"), settings, 2, 1))


def test_what_is_learned_from_lies_before_what_is_judged_by_more_than_a_label(folds, settings, dataset):
    assert len(folds) == 2
    for fold in folds:
        assert fold.known["hour"].max() + settings.outcomes.horizon_hours * HOUR < fold.first
        assert fold.judged["hour"].between(fold.first, fold.end - HOUR).all()
        assert fold.end <= dataset.window.end
        for each in (*fold.rounds, *fold.others):
            assert each.rows["hour"].between(fold.first, fold.end - HOUR).all()
            assert each.planted.any()


def test_anomalies_are_planted_with_seeds_of_their_own(folds, settings):
    chosen, others = (
        {each.seed for fold in folds for each in part(fold)} for part in (lambda f: f.rounds, lambda f: f.others)
    )
    assert chosen == {7000}
    assert others == {7001}
    assert not (chosen | others) & set(settings.evaluation.injection.all_seeds)


@given(st.lists(st.integers(6995, 7010), min_size=1, max_size=12, unique=True), st.integers(1, 6))
def test_no_seed_of_an_evaluation_is_ever_used(taken, count):
    found = own_seeds(InjectionSettings(seeds=tuple(taken)), count)
    assert len(set(found)) == count
    assert not set(found) & set(taken)


def test_prices_of_the_holdout_change_nothing(dataset, market, settings, folds):
    """Outcomes are known up to the end of the training days, whatever happens after it."""
    after = market["hour"] >= dataset.window.end
    assert after.any()
    others = market.assign(price=np.where(after, market["price"] / 100, market["price"]))
    again = list(make_folds(dataset, others, settings.model("model"), settings, 2, 1))
    for one, other in zip(folds, again, strict=True):
        np.testing.assert_array_equal(one.crashed, other.crashed)
        pd.testing.assert_frame_equal(one.rounds[0].rows, other.rounds[0].rows)
    known_until = dataset.window.end - settings.outcomes.horizon_hours * HOUR
    assert np.isnan(folds[-1].crashed[(folds[-1].judged["hour"] >= known_until).to_numpy()]).all()


def test_the_market_that_is_needed_is_what_features_look_back_on(dataset, market, settings):
    window = market_window(dataset, settings)
    assert window.end == dataset.window.end
    gone = market[market["hour"] != dataset.window.first]
    with pytest.raises(CannotSelect, match="is not stored any more"):
        list(make_folds(dataset, gone, settings.model("model"), settings, 2, 1))
    with pytest.raises(CannotSelect, match="Lower --folds"):
        list(make_folds(dataset, market, settings.model("model"), settings, 500, 1))


@given(st.data())
def test_precision_at_budget_counts_crashes_among_the_highest_scores(data):
    size = data.draw(st.integers(4, 30))
    crashed = np.array(data.draw(st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=size, max_size=size)))
    found = precision_at_budget(np.nan_to_num(crashed, nan=5.0), crashed, 0.25)
    known = crashed[~np.isnan(crashed)]
    if len(set(known.tolist())) < 2:
        assert found is None
    else:
        flagged = int(np.ceil(0.25 * len(known)))
        assert found == pytest.approx(min(known.sum() / flagged, 1.0))


def test_a_feature_stands_with_its_logarithm_lags_and_windows():
    found = groups_of(
        ["change_1h_pct", "slog_volume_24h", "slog_change_1h_pct", "slog_volume_24h_std_6h", "hour_of_day"]
    )
    assert found == {
        "change_1h_pct": ("change_1h_pct", "slog_change_1h_pct"),
        "volume_24h": ("slog_volume_24h", "slog_volume_24h_std_6h"),
        "hour_of_day": ("hour_of_day",),
    }
