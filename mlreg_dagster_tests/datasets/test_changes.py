"""Frozen hours against the feature table of today: which differ, by how much, and which can't be compared."""

import json

import pandas as pd
import pytest

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.changes import changed_hours, compare
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING
from mlreg_dagster.market.features.features import compute_features, features_table
from mlreg_dagster.storage.artifacts import ArtifactTampered, open_artifacts
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.datasets.test_freezing import FEATURES, MADE_WITH, MARKET, SETTINGS, WINDOW
from mlreg_dagster_tests.market.frames import at, hours_at

DAY = "2020-01-09"
HOURS = hours_at(170, 229)


@pytest.fixture
def store(tmp_path):
    store = open_artifacts(str(tmp_path / "artifacts"))
    often = FEATURES[FEATURES["hour"].isin(WINDOW.hours)]["instrument_id"].value_counts()
    settings = SETTINGS.override({"min_snapshots_per_instrument": int(often.iloc[1])})
    for kind, rows in (
        (TRAINING, freezing.select_training_rows(FEATURES, WINDOW, settings)),
        (HOLDOUT, freezing.select_holdout_rows(FEATURES, WINDOW, settings)),
    ):
        freezing.freeze(store, kind, DAY, rows, freezing.describe_lineage(rows, WINDOW, FEATURES, MADE_WITH))
    assert freezing.load(store, TRAINING, DAY).lineage["instruments_left_out"]
    return store


@pytest.fixture
def tables(tmp_path):
    warehouse = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
    warehouse.write(features_table(MADE_WITH), FEATURES, HOURS)
    return warehouse


def rewrite(tables, hours, change):
    rows = FEATURES[FEATURES["hour"].isin(hours)]
    tables.write(features_table(MADE_WITH), change(rows), hours)


@pytest.mark.parametrize("kind", [TRAINING, HOLDOUT])
def test_what_was_written_again_as_it_was_has_not_changed(store, tables, kind):
    rewrite(tables, HOURS, lambda rows: rows.sample(frac=1, random_state=1))
    found = changed_hours(store, tables, kind, DAY, None)
    assert (found.changed, found.gone, found.rows, found.distances) == ((), (), 0, {})
    assert str(found) == f"The hours of {kind} {DAY} hold the rows that were frozen."


def test_repaired_hours_are_named_with_what_differs_most(store, tables):
    spread = freezing.load(store, TRAINING, DAY).rows["change_1h_pct"].std()
    rewrite(
        tables,
        hours_at(181, 183),
        lambda rows: rows.assign(change_1h_pct=rows["change_1h_pct"] + 6 * spread, hour_of_day=rows["hour_of_day"] + 1),
    )
    found = changed_hours(store, tables, TRAINING, DAY, None)
    assert found.changed == (at(181), at(182), at(183))
    assert found.gone == ()
    assert found.furthest == ("change_1h_pct", pytest.approx(6.0))
    assert set(found.distances) == {"change_1h_pct", "hour_of_day"}
    kept = freezing.load(store, TRAINING, DAY).rows["hour"].isin(found.changed).sum()
    assert found.rows == kept
    facts = json.loads(json.dumps(found.as_facts(), allow_nan=False))
    assert (facts["hours_changed"], facts["first_changed"], facts["rows_changed"]) == (3, "2020-01-08-13:00", kept)
    assert "3 of the 40 hours of training_dataset 2020-01-09 hold other rows now" in str(found)
    assert "furthest off is change_1h_pct, by up to 6 standard deviations" in str(found)


def test_a_market_that_was_repaired_changes_the_hours_that_look_back_at_it(store, tables):
    was = MARKET["volume_24h"]
    repaired = MARKET.assign(volume_24h=was.mask(MARKET["hour"] == at(215), was * 3))
    tables.write(features_table(MADE_WITH), compute_features(repaired, HOURS, MADE_WITH, 168), HOURS)
    found = changed_hours(store, tables, TRAINING, DAY, None)
    assert (found.changed[0], found.changed[-1]) == (at(215), at(219))


def test_a_value_that_became_null_or_known_is_a_change(store, tables):
    rewrite(tables, hours_at(190, 190), lambda rows: rows.assign(change_1h_pct=None).astype({"change_1h_pct": float}))
    found = changed_hours(store, tables, TRAINING, DAY, None)
    assert found.changed == (at(190),)
    assert found.distances == {}  # there is no number to tell the distance by
    json.dumps(found.as_facts(), allow_nan=False)


def test_an_instrument_that_came_in_later_is_a_change_and_one_that_was_left_out_is_none(store, tables):
    left_out = freezing.load(store, TRAINING, DAY).lineage["instruments_left_out"]
    hours = hours_at(200, 200)

    def twice(rows, name):
        return pd.concat([rows, rows.iloc[[0]].assign(instrument_id=name)]).drop_duplicates(["hour", "instrument_id"])

    rewrite(
        tables, hours, lambda rows: rows.assign(is_gap=rows["is_gap"].mask(rows["instrument_id"].isin(left_out), 5.0))
    )
    assert changed_hours(store, tables, TRAINING, DAY, None).changed == ()
    rewrite(tables, hours, lambda rows: twice(rows, "newcomer"))
    found = changed_hours(store, tables, TRAINING, DAY, None)
    assert (found.changed, found.rows) == ((at(200),), 1)
    assert changed_hours(store, tables, HOLDOUT, DAY, None).changed == (at(200),)


def test_an_hour_that_had_no_rows_and_has_some_now_is_a_change(store, tables):
    dataset = freezing.load(store, TRAINING, DAY)
    without = dataset.rows[dataset.rows["hour"] != at(195)]
    shorter = type(dataset)(DAY, without, None, dataset.window, dataset.lineage, dataset.sha256)
    found = compare(TRAINING, shorter, tables.read(features_table(MADE_WITH), WINDOW.first, WINDOW.end - HOUR))
    assert found.changed == (at(195),)
    assert found.frozen == 39


def test_hours_that_were_tidied_away_can_t_be_compared_and_have_not_changed(store, tables):
    tables.write(features_table(MADE_WITH), FEATURES[:0], hours_at(180, 189))
    found = changed_hours(store, tables, TRAINING, DAY, None)
    assert (found.changed, found.rows) == ((), 0)
    assert found.gone == tuple(hours_at(180, 189))
    assert "10 hours have no rows any more and can't be compared" in str(found)


def test_hours_outside_the_window_do_not_matter(store, tables):
    rewrite(tables, hours_at(170, 179), lambda rows: rows.assign(is_gap=5.0))
    rewrite(tables, hours_at(220, 229), lambda rows: rows.assign(is_gap=5.0))
    assert changed_hours(store, tables, TRAINING, DAY, None).changed == ()


def test_without_a_table_all_hours_are_gone_and_none_is_made(store, tmp_path):
    empty = DuckDBWarehouse(tmp_path / "empty.duckdb")
    found = changed_hours(store, empty, TRAINING, DAY, None)
    assert (len(found.gone), found.changed) == (40, ())
    assert empty.query("SELECT table_name FROM duckdb_tables()").empty


def test_hours_computed_with_other_settings_have_changed_in_whatever_columns_they_stand(store, tmp_path):
    others = FeatureSettings(lag_hours=(1,), rolling_hours=(24,))
    tables = DuckDBWarehouse(tmp_path / "others.duckdb")
    tables.write(features_table(others), compute_features(MARKET, HOURS, others, 168), HOURS)
    assert len(changed_hours(store, tables, TRAINING, DAY, None).changed) == 40


def test_a_dataset_of_another_hash_is_not_compared(store, tables):
    with pytest.raises(ArtifactTampered):
        changed_hours(store, tables, TRAINING, DAY, "0" * 64)


def test_hours_are_whole_hours_in_utc(store, tables):
    rewrite(tables, hours_at(181, 181), lambda rows: rows.assign(is_gap=5.0))
    (hour,) = changed_hours(store, tables, TRAINING, DAY, None).changed
    assert as_hour(hour) == at(181)
