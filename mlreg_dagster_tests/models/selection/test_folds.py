"""Folds see nothing of the holdout, nothing after themselves, and are planted with the seeds that are named."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets.labels import LABEL
from mlreg_dagster.models.classifier.labels import CannotLearn
from mlreg_dagster.models.selection.folds import CannotSelect, Seeds, make_folds, market_window
from mlreg_dagster.models.training import known_rows
from mlreg_dagster.testing.world import OUTCOMES

SEEDS = Seeds((7000,), (7001,))


@pytest.fixture(scope="module")
def folds(dataset, market, settings):
    return make_folds(dataset, market, settings.model("model"), settings, 2, SEEDS)


def test_what_is_learned_from_lies_before_what_is_judged_by_more_than_a_label(folds, settings, dataset):
    horizon = settings.outcomes.horizon_hours * HOUR
    assert len(folds.choosing) == len(folds.judging) == 2
    for fold in (*folds.choosing, *folds.judging):
        hours = fold.judged["hour"]
        assert fold.train.rows["hour"].max() + horizon < fold.split.judged.first
        assert hours.between(fold.split.judged.first, fold.split.judged.end - HOUR).all()
        assert hours.max() + horizon < dataset.window.end
        for each in fold.rounds:
            assert each.rows["hour"].between(fold.split.judged.first, fold.split.judged.end - HOUR).all()
            assert each.planted.any()
    first, second = (fold.split.judged for fold in folds.choosing)
    assert first.end == second.first


def test_families_are_chosen_by_other_anomalies_than_the_choice_is_judged_by(folds):
    assert {each.seed for fold in folds.choosing for each in fold.rounds} == {7000}
    assert {each.seed for fold in folds.judging for each in fold.rounds} == {7001}


@pytest.mark.slow
def test_a_classifier_learns_from_labels_that_were_known_before_each_fold(dataset, market, settings, monkeypatch):
    monkeypatch.setattr("mlreg_dagster.models.classifier.labels.FEWEST_EPISODES", 20)
    model = settings.model("model").model_copy(update={"detector": "crash_classifier", "params": {}})
    settings = settings.model_copy(update={"outcomes": OUTCOMES})  # those that the dataset was labelled under
    found = make_folds(dataset, market, model, settings, 1, SEEDS)
    for fold in found.choosing:
        rows = known_rows(fold.train, model)
        assert rows["hour"].max() + 2 * OUTCOMES.horizon_hours * HOUR < fold.split.judged.first
        assert set(rows[LABEL]) == {"crash", "no_crash"}
    with pytest.raises(CannotLearn, match="has no labelled rows"):
        make_folds(replace(dataset, labelled=None), market, model, settings, 2, SEEDS)


def test_prices_of_the_holdout_change_nothing(dataset, market, settings, folds):
    """Outcomes are known up to the end of the training days, whatever happens after it."""
    after = market["hour"] >= dataset.window.end
    assert after.any()
    others = market.assign(price=np.where(after, market["price"] / 100, market["price"]))
    again = make_folds(dataset, others, settings.model("model"), settings, 2, SEEDS)
    for one, other in zip(folds.choosing, again.choosing, strict=True):
        np.testing.assert_array_equal(one.crashed, other.crashed)
        pd.testing.assert_frame_equal(one.rounds[0].rows, other.rounds[0].rows)


def test_the_market_that_is_needed_is_what_features_look_back_on(dataset, market, settings):
    window = market_window(dataset, settings)
    assert window.end == dataset.window.end
    gone = market[market["hour"] != dataset.window.first]
    with pytest.raises(CannotSelect, match="is not stored any more"):
        make_folds(dataset, gone, settings.model("model"), settings, 2, SEEDS)
    with pytest.raises(CannotSelect, match="Lower --folds"):
        make_folds(dataset, market, settings.model("model"), settings, 20, SEEDS)
    with pytest.raises(CannotSelect, match="No anomaly could be planted"):
        make_folds(dataset, market, settings.model("model"), settings, 2, Seeds((), ()))
