"""The frozen datasets as assets: written once, whatever becomes of the market after that."""

import calendar

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, day_key
from mlreg_dagster.datasets import freezing
from mlreg_dagster_tests.lifecycle import DATASET_DAY, START, failure, metadata

DAY = day_key(DATASET_DAY)
BOTH = (freezing.TRAINING, freezing.HOLDOUT)


def _hashes(world):
    return {kind: world.artifacts.find(kind, DAY).sha256 for kind in BOTH}


@pytest.mark.parametrize("kind", BOTH)
def test_what_a_dataset_tells_of_itself(trained, kind):
    result = trained.attempt(kind, key=DAY)
    said = metadata(result, kind)
    dataset = freezing.load(trained.artifacts, kind, DAY)
    assert said["sha256"] == dataset.sha256
    assert said["dagster/partition_row_count"] == len(dataset.rows)
    assert said["window"] == str(dataset.window)
    assert said["hours"] == f"{len(dataset.window.hours)} of {len(dataset.window.hours)}"
    assert said["uri"].endswith(f"{kind}/{DAY}")
    assert said["weekdays"].split(", ") == sorted(
        set(dataset.rows["hour"].dt.day_name()), key=list(calendar.day_name).index
    )
    assert said["coverage"].startswith("![")
    assert said["hours_changed_since_frozen"] == 0


def test_training_and_holdout_are_apart_and_the_holdout_ends_the_day(trained):
    training, holdout = (freezing.load(trained.artifacts, kind, DAY) for kind in BOTH)
    assert training.window.end == holdout.window.first
    assert training.rows["hour"].max() < holdout.rows["hour"].min()
    assert holdout.rows["hour"].max() == DATASET_DAY + 23 * HOUR
    assert training.market is None
    assert holdout.market["hour"].min() == START  # as much of the lookback as there is


def test_a_frozen_dataset_stays_when_the_market_is_repaired(trained):
    before = _hashes(trained)
    repaired = DATASET_DAY - 5 * HOUR
    with trained.warehouse.connect() as connection:
        connection.execute("UPDATE market_features SET change_1h_pct = 99 WHERE hour = $hour", {"hour": repaired})
        connection.execute("DELETE FROM market_features WHERE hour = $hour", {"hour": DATASET_DAY})
    results = {kind: trained.attempt(kind, key=DAY) for kind in BOTH}
    assert _hashes(trained) == before
    for kind, result in results.items():
        assert result.success
        assert f"{kind} {DAY} is frozen already and stays as it is." in trained.warnings(result)
        assert metadata(result, kind)["sha256"] == before[kind]
    training, holdout = (metadata(results[kind], kind) for kind in BOTH)
    assert (training["hours_changed_since_frozen"], training["hours_gone_since_frozen"]) == (1, 0)
    assert "furthest off is change_1h_pct" in training["changes_since_frozen"]
    assert (holdout["hours_changed_since_frozen"], holdout["hours_gone_since_frozen"]) == (0, 1)


@pytest.mark.parametrize(
    ("kind", "day", "found"),
    [
        (freezing.TRAINING, "2026-01-02", "has features for 24 hours; min_training_hours in datasets.yaml asks for 40"),
        (freezing.HOLDOUT, "2026-01-07", "has features for 0 hours; min_holdout_hours in datasets.yaml asks for 20"),
    ],
)
def test_too_little_history_says_what_is_missing_and_freezes_nothing(trained, kind, day, found):
    message = failure(trained.attempt(kind, key=day))
    assert found in message
    assert "Materialize market_snapshot and market_features for 202" in message
    assert trained.artifacts.find(kind, day) is None


@pytest.mark.parametrize("kind", BOTH)
def test_a_dataset_that_was_planted_is_neither_adopted_nor_built_on(trained, kind):
    store, day = trained.artifacts, day_key(DATASET_DAY + pd.Timedelta(days=1))
    honest = freezing.load(store, kind, DAY)
    freezing.freeze(store, kind, day, honest.rows.iloc[::2], honest.lineage, honest.market)
    planted = store.find(kind, day)
    message = failure(trained.attempt(kind, key=day))
    assert f"{kind}/{day} is frozen with other content" in message
    assert "it is not used" in message
    config = {"dataset": day} if kind == freezing.TRAINING else {"holdout": day}
    asset = {freezing.TRAINING: "candidate_model", freezing.HOLDOUT: "evaluated_model"}[kind]
    trained.add_version("v4")
    message = failure(trained.attempt(asset, config=config, key="v4" if kind == freezing.TRAINING else "v1"))
    assert f"No run is known to have frozen {kind} {day}" in message
    assert {version.version for version in trained.registry.versions()} == {"v1", "v2", "v3"}
    assert store.find(kind, day) == planted


@pytest.mark.parametrize("kind", BOTH)
def test_a_dataset_that_a_crash_left_behind_is_taken_when_it_is_the_same(trained, kind):
    day = day_key(DATASET_DAY + pd.Timedelta(days=1))
    made = trained.attempt(kind, key=day)
    trained.instance.wipe_assets([dg.AssetKey(kind)])
    again = trained.attempt(kind, key=day)
    assert metadata(again, kind)["sha256"] == metadata(made, kind)["sha256"]
    assert "is frozen already" not in trained.warnings(again)
