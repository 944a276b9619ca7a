"""market_snapshot and market_features as assets: what a run writes, and what a failed one leaves."""

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, hour_key, hour_range
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.base import MarketSource, RequestRefused
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.storage.warehouse.warehouse import TableChanged
from mlreg_dagster_tests.lifecycle import CONFIGS, END, MARKET_HOURS, START, failure, metadata

HOURS = MARKET_HOURS[-3:]


class Altered(MarketSource):
    """The market of another source, with its rows changed before they are handed out."""

    name = "simulated"

    def __init__(self, source, alter):
        self._source, self._alter = source, alter

    def span(self, now):
        return self._source.span(now)

    def _rows(self, hours, now):
        return self._alter(self._source._rows(hours, now))


@pytest.fixture
def altered(make_world, live_home, trained):
    """The world with a source that alters its rows."""
    return lambda alter: make_world(live_home, "altered", source=Altered(trained.source, alter))


def _market(world):
    return world.warehouse.read(MARKET_SNAPSHOT)


def test_a_run_writes_what_the_source_says_and_counts_it(trained):
    hours = pd.date_range(END, periods=2, freq="h", unit="us")
    result = trained.attempt("market_snapshot", "market_features", hours=hours)
    rows = trained.warehouse.read(MARKET_SNAPSHOT, END)
    pd.testing.assert_frame_equal(rows, trained.source.snapshots(hours, trained._resource("clock").now()))
    said = metadata(result, "market_snapshot")
    assert (said["rows"], said["hours"], said["source"]) == (str(len(rows)), "2", "simulated")
    assert said["price_changes"].startswith("![")
    counts = {
        event.partition: event.metadata["dagster/partition_row_count"].value
        for event in result.asset_materializations_for_node("market_features")
    }
    assert counts == {hour_key(hour): int((rows["hour"] == hour).sum()) for hour in hours}


def test_what_a_source_found_impossible_is_counted_over_the_run(altered):
    world = altered(lambda rows: rows)

    def count(rows):
        world.source.unknown.update({"prices that are too old": 2})
        return rows

    world.source._alter = count
    said = metadata(world.attempt("market_snapshot", hours=HOURS), "market_snapshot")
    assert said["unknown_values"] == "2"
    assert said["unknown"].records[0].data == {"what": "prices that are too old", "count": 2}


def test_the_unknown_share_of_each_hour_can_be_plotted(make_world, trained, live_home):
    def forget(rows):
        return rows.assign(volume_24h=rows["volume_24h"].where(rows["hour"] > END))

    world = make_world(live_home, "forgetful", source=Altered(trained.source, forget))
    result = world.attempt("market_snapshot", hours=pd.date_range(END, periods=2, freq="h"))
    shares = [
        event.metadata["unknown_share"].value for event in result.asset_materializations_for_node("market_snapshot")
    ]
    assert shares == pytest.approx([1 / 5, 0.0])  # of the five columns that are to be complete


def test_a_source_that_fails_leaves_the_stored_partitions(altered):
    def fail(_):
        raise RequestRefused("The market is closed for good.")

    world = altered(fail)
    before = _market(world)
    result = world.attempt("market_snapshot", "market_features", hours=HOURS)
    assert "The market is closed for good." in failure(result)
    assert not result.asset_materializations_for_node("market_snapshot")
    pd.testing.assert_frame_equal(_market(world), before)


@pytest.mark.parametrize(
    ("alter", "complaint"),
    [
        (lambda rows: rows.assign(price=-rows["price"]), "price: must be finite and greater than 0"),
        (lambda rows: rows.assign(price=rows["price"].where(rows.index > 0)), "price: must not be null"),
        (lambda rows: rows.assign(volume_24h="a lot"), "volume_24h"),
        (lambda rows: rows.drop(columns="market_cap"), "market_cap"),
        (lambda rows: pd.concat([rows, rows.tail(1)], ignore_index=True), "the key is there more than once"),
        (lambda rows: rows.assign(hour=rows["hour"] + 1000 * HOUR), "outside the partitions being written"),
    ],
    ids=["negative price", "no price", "wrong type", "missing column", "instrument twice", "another hour"],
)
def test_malformed_rows_fail_the_run_and_none_is_stored(altered, alter, complaint):
    world = altered(alter)
    before = _market(world)
    message = failure(world.attempt("market_snapshot", hours=HOURS))
    assert complaint in message
    assert "Nothing was stored." in message
    pd.testing.assert_frame_equal(_market(world), before)


def test_features_of_an_hour_without_a_snapshot_are_refused(trained):
    before = trained.warehouse.read(features_table(trained.settings.features))
    result = trained.attempt("market_features", hours=pd.date_range(END - HOUR, periods=4, freq="h", unit="us"))
    assert "3 of 4 hours (2026-01-07-00:00 to 2026-01-07-02:00). Nothing was stored." in failure(result)
    assert not result.asset_materializations_for_node("market_features")
    pd.testing.assert_frame_equal(trained.warehouse.read(features_table(trained.settings.features)), before)


def test_features_of_an_hour_in_which_nothing_was_there_are_none(make_world, trained, live_home):
    closed = Altered(trained.source, lambda rows: rows[rows["hour"] > END].reset_index(drop=True))
    world = make_world(live_home, "closed", source=closed)
    result = world.attempt("market_snapshot", "market_features", hours=pd.date_range(END, periods=2, freq="h"))
    counts = {
        event.partition: event.metadata["dagster/partition_row_count"].value
        for event in result.asset_materializations_for_node("market_features")
    }
    assert counts == {hour_key(END): 0, hour_key(END + HOUR): 12}


def test_features_of_other_settings_are_told_to_move_to_another_home(make_world, live_home):
    world = make_world(live_home, configs={"features": {"lag_hours": [1, 12], "rolling_hours": [24]}})
    message = failure(world.attempt("market_features", hours=HOURS))
    assert TableChanged.__name__ in message
    assert "change_1h_pct_lag_12h" in message
    assert "another MLREG_HOME" in message
    old = features_table(world.settings.features.override({"lag_hours": [1]}))
    assert world.warehouse.newest(old) == HOURS[-1]


@pytest.mark.parametrize("hours", [(-3, 1), (-3, -1)], ids=["from before the start on", "before the start"])
@pytest.mark.parametrize("asset", ["market_snapshot", "market_features", "predictions", "prediction_outcomes"])
def test_hours_before_the_start_are_refused_before_anything_is_written(trained, asset, hours):
    asked = hour_range(START + hours[0] * HOUR, START + hours[1] * HOUR)
    tables = (MARKET_SNAPSHOT, features_table(trained.settings.features), PREDICTIONS)
    before = [len(trained.warehouse.read(table)) for table in tables]
    said = failure(trained.attempt(asset, hours=asked))
    assert f"{asset} has no partitions {hour_key(asked[0])}...{hour_key(asked[-1])}" in said
    assert f"from {START:%Y-%m-%d %H:%M} on (start and end in ingest.yaml). Nothing was written." in said
    assert [len(trained.warehouse.read(table)) for table in tables] == before


def test_hours_after_the_end_are_refused_before_anything_is_written(make_world, live_home):
    ingest = CONFIGS["ingest"] | {"end": (END - 2 * HOUR).isoformat()}
    world = make_world(live_home, configs={"ingest": ingest})
    assert "up to, but without, 2026-01-06 22:00" in failure(world.attempt("market_snapshot", hours=HOURS))
