"""Further holdout days lie after the training window, and never in the future of the evaluation."""

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.models.evaluation.holdout_days import further_days
from mlreg_dagster.models.evaluation.rounds import plant_anomalies
from mlreg_dagster.testing.market import random_market
from mlreg_dagster_tests.models.builders import DAY, DAY_ENDS, FEATURES, INJECTION, LOOKBACK, with_manifest

DAYS = ("2020-01-13", "2020-01-14", "2020-01-15")
LATER = pd.Timestamp("2020-02-01", tz="UTC")


@pytest.fixture(scope="module")
def frozen(world):
    """The world's store with three later holdouts."""
    market = random_market(11, length=16 * 24, instruments=10)
    for day in DAYS:
        end = pd.Timestamp(day, tz="UTC") + pd.Timedelta(days=1)
        window = Window(end - 24 * HOUR, end)
        rows = compute_features(market, window.hours, FEATURES, LOOKBACK)
        behind = market[market["hour"].between(window.first - LOOKBACK * HOUR, end - HOUR)].reset_index(drop=True)
        lineage = freezing.describe_lineage(rows, window, rows, FEATURES)
        freezing.freeze(world.store, freezing.HOLDOUT, day, rows, lineage, behind)
    return world.store


def days_of(*arguments):
    return [each.day for each in further_days(*arguments)]


def test_the_days_after_the_versions_own_are_taken_in_their_order(world, frozen, model_of):
    model = model_of("robust_z_score")
    assert days_of(model, world.holdout, frozen, FEATURES, LATER, 1) == []
    assert days_of(model, world.holdout, frozen, FEATURES, LATER, 3) == list(DAYS[:2])
    assert days_of(model, world.holdout, frozen, FEATURES, LATER, 9) == list(DAYS)


def test_no_day_ends_later_than_the_evaluation_may_know(world, frozen, model_of):
    model = model_of("robust_z_score")
    assert days_of(model, world.holdout, frozen, FEATURES, DAY_ENDS, 3) == []
    almost = DAY_ENDS + pd.Timedelta(hours=23)
    assert days_of(model, world.holdout, frozen, FEATURES, almost, 3) == []
    assert days_of(model, world.holdout, frozen, FEATURES, almost + HOUR, 3) == [DAYS[0]]


def test_no_day_overlaps_the_training_window(world, frozen, model_of):
    """A version of a later dataset, judged on an earlier holdout, as by an experiment."""
    end = pd.Timestamp("2020-01-14T00:00", tz="UTC")
    model = with_manifest(model_of("robust_z_score"), training_end=(end + HOUR).isoformat())
    assert days_of(model, world.holdout, frozen, FEATURES, LATER, 9) == [DAYS[2]]


def test_days_of_other_feature_settings_are_left_out(world, frozen, model_of):
    other = FEATURES.override({"min_window_share": 0.123})
    assert days_of(model_of("robust_z_score"), world.holdout, frozen, other, LATER, 9) == []


def test_anomalies_are_planted_into_every_day_with_every_seed(world, frozen, model_of):
    further = further_days(model_of("robust_z_score"), world.holdout, frozen, FEATURES, LATER, 2)
    rounds = plant_anomalies(world.holdout, INJECTION, FEATURES, LOOKBACK, further)
    assert {(each.day, each.seed) for each in rounds} == {
        (day, seed) for day in (DAY, DAYS[0]) for seed in INJECTION.all_seeds
    }
    for each in rounds:
        assert set(each.rows["hour"].dt.strftime("%Y-%m-%d")) == {each.day}
