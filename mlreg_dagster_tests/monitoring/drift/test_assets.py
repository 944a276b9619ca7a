"""The assets of drift on the small lifecycle: a champion, two days, far too few quiet days."""

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, day_key, hour_key
from mlreg_dagster.core.names import DRIFT_ASSETS
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.monitoring.sketches.schema import FEATURE_SKETCH
from mlreg_dagster_tests.lifecycle import DUE, LIVE, LIVE_HOURS, MARKET_HOURS, metadata, verdicts


@pytest.fixture
def measured(live):
    assert live.attempt("feature_sketch", hours=LIVE_HOURS).success
    return live


def _days(world, *assets, day=LIVE):
    return world.attempt(*assets, key=day_key(day))


def test_what_is_not_known_is_never_green(measured):
    result = _days(measured, *DRIFT_ASSETS)
    assert result.success
    found = verdicts(result)
    assert found["data_are_in_order"]
    assert not found["features_are_usual"]
    assert not found["champion_is_not_worse"]
    rows = measured.warehouse.read(FEATURE_DRIFT, LIVE, LIVE)
    assert not rows["enough"].any()
    assert rows[["location_z", "spread_z"]].isna().all(axis=None)
    assert rows["psi"].notna().any()


def test_a_day_has_rows_in_each_of_the_four_tables(measured):
    assert _days(measured, "model_worth", *DRIFT_ASSETS, day=DUE).success
    assert _days(measured, *DRIFT_ASSETS).success
    for table in (DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT):
        assert len(measured.warehouse.read(table, LIVE, LIVE)), table.name
    shares = measured.warehouse.read(PREDICTION_DRIFT, LIVE, LIVE)
    assert set(shares["model_version"]) == {"v1", "v2"}
    assert shares.loc[shares["is_newest"], "model_version"].tolist() == ["v2"]


def test_the_run_shows_a_picture_and_numbers_for_each_family(measured):
    result = _days(measured, *DRIFT_ASSETS[:4])
    for asset in DRIFT_ASSETS[:4]:
        assert metadata(result, asset)["recent_days"].startswith("![")
    plotted = {name for each in result.asset_materializations_for_node("data_quality_drift") for name in each.metadata}
    assert {"lost_share", "universe_share", "frozen_share"} <= plotted


def test_hours_before_the_reference_are_counted_for_the_null(measured):
    expected = measured.warehouse.partitions(FEATURE_SKETCH)
    assert expected[0] < LIVE
    measured.warehouse.write(FEATURE_SKETCH, FEATURE_SKETCH.empty(), expected[expected < LIVE])
    assert _days(measured, "feature_drift").success
    assert measured.warehouse.partitions(FEATURE_SKETCH).equals(expected)
    rows = measured.warehouse.read(FEATURE_SKETCH, LIVE, LIVE_HOURS[-1])
    assert not rows.duplicated(list(FEATURE_SKETCH.key)).any()


def test_rows_after_a_day_change_nothing_of_it(measured):
    tables = (DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT, CONCEPT_DRIFT)
    assert _days(measured, *DRIFT_ASSETS[:4]).success
    before = [measured.warehouse.read(table, LIVE, LIVE) for table in tables]
    from mlreg_dagster.market.features.features import features_table

    table = features_table(measured.settings.features)
    later = measured.warehouse.read(table, DUE, MARKET_HOURS[-1])
    names = later.columns.drop(["hour", "instrument_id", "feature_settings"])
    later[names] = later[names] * 3 + 1
    measured.warehouse.write(table, later, later["hour"].unique())
    assert measured.attempt("feature_sketch", hours=MARKET_HOURS[MARKET_HOURS >= DUE]).success
    assert _days(measured, *DRIFT_ASSETS[:4]).success
    for table, was in zip(tables, before, strict=True):
        pd.testing.assert_frame_equal(measured.warehouse.read(table, LIVE, LIVE), was, check_exact=True)


def test_an_hour_alone_and_in_a_range_is_counted_alike(measured):
    before = measured.warehouse.read(FEATURE_SKETCH, LIVE, LIVE_HOURS[-1])
    assert measured.attempt("feature_sketch", key=hour_key(LIVE + 3 * HOUR)).success
    pd.testing.assert_frame_equal(
        measured.warehouse.read(FEATURE_SKETCH, LIVE, LIVE_HOURS[-1]), before, check_exact=True
    )


def test_hours_without_a_champion_have_no_sketches(trained):
    result = trained.attempt("predictions", "feature_sketch", hours=LIVE_HOURS[:2])
    assert result.success
    assert metadata(result, "feature_sketch")["hours_without_reference"] == "2"
    assert trained.warehouse.read(FEATURE_SKETCH).empty
