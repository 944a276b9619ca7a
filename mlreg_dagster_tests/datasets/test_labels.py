"""Labelled rows: what they are labelled by lies within their window, whatever the market does after it."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config import DatasetSettings, FeatureSettings, OutcomeSettings
from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.datasets import freezing, labels
from mlreg_dagster.datasets.labels import LABEL, describe_labels, label_rows, select_rows_to_label
from mlreg_dagster.datasets.windows import Window, labelled_window, windows_of
from mlreg_dagster.market.crashes import outcomes_of
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.market.features.provenance import FEATURE_SETTINGS
from mlreg_dagster.market.names import CRASH, NO_CRASH, UNRESOLVED
from mlreg_dagster.models.classifier.labels import CannotLearn, labelled_rows
from mlreg_dagster.models.training import train
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.testing.market import random_market
from mlreg_dagster.testing.world import DAY, DAY_ENDS, LABEL_DAYS, OUTCOMES, model_settings

SETTINGS = DatasetSettings(history_hours=96, min_training_hours=10, min_holdout_hours=3, label_days=LABEL_DAYS)
FEATURES = FeatureSettings()
WINDOWS = windows_of(as_hour(DAY), SETTINGS)
WINDOW = labelled_window(as_hour(DAY), SETTINGS, OUTCOMES.horizon_hours)
LEAK = "change_1h_pct"
"""The column that the label is planted into."""


@pytest.fixture(scope="module")
def market():
    return random_market(12, length=288, instruments=80)


@pytest.fixture(scope="module")
def rows(market):
    return compute_features(market, WINDOW.hours, FEATURES, 168)


def later(market, seed=3):
    """The market with other prices from the end of the window on."""
    moves = np.exp(np.random.default_rng(seed).normal(0, 0.3, len(market)))
    return market.assign(price=market["price"].where(market["hour"] < WINDOW.end, market["price"] * moves))


def with_leak(rows, prices, settings=OUTCOMES):
    """A feature that says the label itself, read from whatever prices there are."""
    key = ["hour", "instrument_id"]
    priced = rows[key].merge(prices[[*key, "price"]], on=key, how="left")
    found = outcomes_of(priced, prices, settings)["outcome"]
    return rows.assign(**{LEAK: (found == CRASH).to_numpy(dtype=float)})


def frozen(folder, rows, prices, settings=OUTCOMES):
    """A training dataset with labelled rows, frozen and loaded."""
    store = open_artifacts(str(folder))
    training = freezing.select_training_rows(compute_of_training(), WINDOWS.training, SETTINGS)
    lineage = freezing.describe_lineage(training, WINDOWS.training, training, FEATURES)
    labelled = label_rows(rows, prices, WINDOW, settings)
    described = describe_labels(labelled, rows, WINDOW, WINDOWS.holdout, settings)
    freezing.freeze(store, freezing.TRAINING, DAY, training, lineage | {labels.LABELS: described}, labelled=labelled)
    return freezing.load(store, freezing.TRAINING, DAY)


def compute_of_training():
    return compute_features(random_market(11, length=288, instruments=10), WINDOWS.training.hours, FEATURES, 168)


def trained(dataset, **params):
    return train("v1", dataset, DAY_ENDS, model_settings("crash_classifier", params))


# --- nothing from the window's end on plays a part ---------------------------------------------------------------


@pytest.mark.parametrize("target", ["close", "touch"])
def test_prices_at_or_after_the_end_of_the_window_change_no_label_score_or_threshold(tmp_path, market, rows, target):
    settings = OutcomeSettings(crash_pct=-5.0 if target == "touch" else -4.0, target=target)
    one = frozen(tmp_path / "one", rows, market, settings)
    two = frozen(tmp_path / "two", rows, later(market), settings)
    three = frozen(tmp_path / "three", rows, market[market["hour"] < WINDOW.end], settings)
    assert one.sha256 == two.sha256 == three.sha256
    first, second = trained(one), trained(two)
    assert first.threshold == second.threshold
    np.testing.assert_array_equal(first.score(first.select(one.rows)), second.score(second.select(one.rows)))


def test_a_planted_leak_is_purged(tmp_path, market, rows, monkeypatch):
    """The label as a feature: what it says of later prices never comes into the file."""

    def leaked(folder):
        return [
            frozen(tmp_path / folder / name, with_leak(rows, prices), prices)
            for name, prices in (("one", market), ("two", later(market)))
        ]

    one, two = leaked("purged")
    assert one.labelled["hour"].max() + OUTCOMES.horizon_hours * HOUR < WINDOW.end
    assert one.sha256 == two.sha256
    assert trained(one).manifest["walk_forward"]["average_precision"] > 0.99  # the leak is there, and is found
    assert trained(one).threshold == trained(two).threshold

    monkeypatch.setattr(labels, "purge", lambda rows, *_: rows)
    one, two = leaked("not purged")
    assert one.sha256 != two.sha256, "the test would not notice a leak"
    with pytest.raises(CannotLearn, match="they were not purged"):
        trained(one)


def test_the_labelled_window_ends_an_embargo_of_at_least_the_horizon_before_the_holdout():
    for embargo, horizon in ((0, 24), (6, 24), (48, 24), (0, 72)):
        settings = DatasetSettings(history_hours=240, embargo_hours=embargo, label_days=30, min_training_hours=100)
        window, holdout = labelled_window(as_hour(DAY), settings, horizon), windows_of(as_hour(DAY), settings).holdout
        assert holdout.first - window.end == max(embargo, horizon) * HOUR
        assert window.end - window.first == pd.Timedelta(days=30)
    assert labelled_window(as_hour(DAY), DatasetSettings(), 24) is None


# --- what a label is ---------------------------------------------------------------------------------------------


def test_labels_are_the_outcomes_of_predictions(market, rows):
    labelled = label_rows(rows, market, WINDOW, OUTCOMES)
    priced = labelled.merge(market[["hour", "instrument_id", "price"]], on=["hour", "instrument_id"])
    expected = outcomes_of(priced, market, OUTCOMES)["outcome"]
    assert labelled[LABEL].tolist() == expected.tolist()
    assert set(labelled[LABEL]) == {CRASH, NO_CRASH, UNRESOLVED}


def test_a_row_whose_own_price_is_gone_is_unresolved_and_not_free_of_a_crash(market, rows):
    gone = market["hour"] == WINDOW.first + 5 * HOUR
    labelled = label_rows(rows, market[~gone], WINDOW, OUTCOMES)
    assert set(labelled.loc[labelled["hour"] == WINDOW.first + 5 * HOUR, LABEL]) == {UNRESOLVED}


def test_a_feature_may_not_have_the_name_of_the_label(market, rows):
    with pytest.raises(labels.NameOfLabel, match="A feature is named 'outcome'"):
        label_rows(rows.assign(outcome=1.0), market, WINDOW, OUTCOMES)


def test_rows_of_other_feature_settings_and_of_instruments_seen_too_seldom_are_left_out_and_counted(market, rows):
    other = rows.assign(**{FEATURE_SETTINGS: rows[FEATURE_SETTINGS].astype(str)})
    other.loc[other["hour"] < WINDOW.first + 24 * HOUR, FEATURE_SETTINGS] = "{}"
    chosen = select_rows_to_label(other, WINDOW, SETTINGS, FEATURES)
    assert chosen["hour"].min() == WINDOW.first + 24 * HOUR
    assert chosen["instrument_id"].value_counts().min() >= SETTINGS.min_snapshots_per_instrument
    described = describe_labels(label_rows(chosen, market, WINDOW, OUTCOMES), other, WINDOW, WINDOWS.holdout, OUTCOMES)
    assert described["rows"] + described["rows_left_out"] == len(other)


def test_what_the_lineage_says_of_labels(market, rows):
    labelled = label_rows(rows, market, WINDOW, OUTCOMES)
    described = describe_labels(labelled, rows, WINDOW, WINDOWS.holdout, OUTCOMES)
    assert described["crashes"] == (labelled[LABEL] == CRASH).sum()
    assert described["unresolved"] == (labelled[LABEL] == UNRESOLVED).sum() > 0
    assert described["embargo_hours"] == 24
    assert described["outcomes"] == {
        "horizon_hours": 24, "target": "close", "crash_pct": -4.0, "price_tolerance_hours": 0,
    }  # fmt: skip
    hours = labelled[labelled[LABEL] == CRASH].groupby("instrument_id")["hour"]
    assert described["episodes"] == sum(1 + (each.sort_values().diff() >= 24 * HOUR).sum() for _, each in hours)


def test_a_dataset_without_labels_has_the_file_that_it_had(tmp_path):
    store = open_artifacts(str(tmp_path))
    training = freezing.select_training_rows(compute_of_training(), WINDOWS.training, SETTINGS)
    lineage = freezing.describe_lineage(training, WINDOWS.training, training, FEATURES)
    found = freezing.freeze(store, freezing.TRAINING, DAY, training, lineage)
    assert set(found.files) == {"rows.parquet", "lineage.json"}
    dataset = freezing.load(store, freezing.TRAINING, DAY)
    assert dataset.labelled is None
    with pytest.raises(CannotLearn, match="has no labelled rows, which crash_classifier learns from"):
        labelled_rows(dataset)


def test_an_empty_window_has_no_labels(market, rows):
    labelled = label_rows(rows.iloc[:0], market, Window(WINDOW.first, WINDOW.end), OUTCOMES)
    assert describe_labels(labelled, rows, WINDOW, WINDOWS.holdout, OUTCOMES)["episodes"] == 0
