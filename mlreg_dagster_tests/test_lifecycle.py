"""Rules that hold across the rooms: the future changes nothing, twice is once, hour by hour is a range."""

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, day_key, hour_key
from mlreg_dagster.datasets import freezing
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster_tests.lifecycle import CONFIGS, DATASET_DAY, DUE, DUE_HOURS, LIVE, LIVE_HOURS, MARKET_HOURS, NOON

DATASETS = (freezing.TRAINING, freezing.HOLDOUT)


def _tables(world):
    features = features_table(world.settings.features)
    tables = (MARKET_SNAPSHOT, features, PREDICTIONS, PREDICTION_OUTCOMES, MODEL_PERFORMANCE)
    return {table.name: world.warehouse.read(table) for table in tables}


def _assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        pd.testing.assert_frame_equal(found[name], expected[name], check_exact=True, obj=name)


def _execute(world, sql, **values):
    with world.warehouse.connect() as connection:
        connection.execute(sql, values)


# --- the future ----------------------------------------------------------------------------------------------

NOW_OF_THE_PAST = LIVE + 5 * HOUR
CHANGED = (
    "UPDATE market_snapshot SET price = price * 3, volume_24h = volume_24h / 7, change_1h_pct = 40, "
    "volatility_7d_pct = 9, all_time_high = all_time_high * 3 WHERE hour > $hour"
)
DELETED = "DELETE FROM market_snapshot WHERE hour > $hour"


@pytest.mark.parametrize("happens", [CHANGED, DELETED], ids=["changed", "deleted"])
def test_what_happens_later_changes_nothing_of_the_past(live, happens):
    before = _tables(live)
    frozen = {kind: live.artifacts.find(kind, day_key(DATASET_DAY)).sha256 for kind in DATASETS}
    _execute(live, happens, hour=NOW_OF_THE_PAST)
    for kind in DATASETS:
        (live.home / "artifacts" / kind).rename(live.home / f"{kind} of before")
    for hour in MARKET_HOURS[MARKET_HOURS > NOW_OF_THE_PAST]:  # hours that were taken, even where no row is left
        live.instance.report_runless_asset_event(dg.AssetMaterialization("market_snapshot", partition=hour_key(hour)))
    assert live.attempt("market_features", hours=MARKET_HOURS[48:]).success
    assert live.attempt("training_dataset", "eval_holdout", key=day_key(DATASET_DAY)).success
    assert live.attempt("predictions", hours=LIVE_HOURS).success

    assert {kind: live.artifacts.find(kind, day_key(DATASET_DAY)).sha256 for kind in DATASETS} == frozen
    after = _tables(live)
    for name in ("market_features", "predictions"):
        past = [frames[name][frames[name]["hour"] <= NOW_OF_THE_PAST] for frames in (before, after)]
        assert len(past[0]) > 50
        pd.testing.assert_frame_equal(past[1], past[0], check_exact=True, obj=name)
        later = [frames[name][frames[name]["hour"] > NOW_OF_THE_PAST] for frames in (before, after)]
        assert not later[0].equals(later[1])  # what happened did happen


def test_prices_after_the_horizon_change_no_outcome(live):
    before = _tables(live)
    _execute(live, "UPDATE market_snapshot SET price = price / 9 WHERE hour > $hour", hour=DUE)
    live.attempt("prediction_outcomes", hours=DUE_HOURS[:1])
    _assert_same(
        {"prediction_outcomes": live.warehouse.read(PREDICTION_OUTCOMES)},
        {"prediction_outcomes": before["prediction_outcomes"]},
    )


# --- once more -----------------------------------------------------------------------------------------------


def test_everything_run_twice_leaves_one_copy(live):
    before = _tables(live)
    assert all(len(frame) for frame in before.values())
    for job, hours in (
        (jobs.MARKET, LIVE_HOURS[-2:]),
        (jobs.PREDICTIONS, LIVE_HOURS[10:14]),
        (jobs.OUTCOMES, DUE_HOURS[10:14]),
    ):
        live.run_hours(job, hours)
    live.run_partition(jobs.PERFORMANCE, day_key(DUE))
    _assert_same(_tables(live), before)


def test_hour_by_hour_gives_what_the_range_gave(live):
    before = _tables(live)
    around_noon = [NOON - HOUR, NOON]
    for hour in around_noon:
        for table in ("market_snapshot", "market_features", "predictions"):
            _execute(live, f"DELETE FROM {table} WHERE hour = $hour", hour=hour)
        _execute(live, "DELETE FROM prediction_outcomes WHERE hour = $hour", hour=hour + 24 * HOUR)
    for hour in around_noon:
        live.run_partition(jobs.HOURLY, hour_key(hour))
    for hour in around_noon:
        live.run_partition(jobs.OUTCOMES, hour_key(hour + 24 * HOUR))
    _assert_same(_tables(live), before)


def test_a_range_in_chunks_gives_what_the_whole_gave(make_world, live_home, live):
    world = make_world(live_home, "chunked", configs={"ingest": {**CONFIGS["ingest"], "chunk_hours": 24}})
    for job, hours in (
        (jobs.MARKET, MARKET_HOURS[-26:]),
        (jobs.PREDICTIONS, MARKET_HOURS[94:120]),
    ):
        world.run_hours(job, hours)  # two chunks
    _assert_same(_tables(world), _tables(live))


def test_one_run_takes_an_hour_from_the_snapshot_to_the_outcome(live):
    hour = DUE_HOURS[-1]
    live.run_hours(jobs.HOURLY, pd.DatetimeIndex([hour]))
    tables = _tables(live)
    rows = {name: int((frame["hour"] == hour).sum()) for name, frame in tables.items() if "hour" in frame}
    assert rows == dict.fromkeys(("market_snapshot", "market_features", "predictions", "prediction_outcomes"), 12)
    scored = tables["predictions"][tables["predictions"]["hour"] == hour]
    assert set(scored["model_version"]) == {"v2"}
