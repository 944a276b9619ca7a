"""What the report says of the four families of drift: nothing is in order that was not measured."""

import pandas as pd
import pytest

from mlreg_dagster.evidence.weekly import drift
from mlreg_dagster.evidence.weekly.week import week_of
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse

WEEK = week_of(pd.Timestamp("2026-01-14", tz="UTC"))


@pytest.fixture
def tables(tmp_path):
    return DuckDBWarehouse(tmp_path / "tables.duckdb")


def write(tables, table, *rows):
    """Rows of the days of the week, one a day; what is not named is null, or 0."""
    defaults = {"float64": 0.0, "int64": 0, "bool": False}
    empty = table.empty()
    whole = []
    for day, row in zip(WEEK.days, rows, strict=False):
        known = {
            name: None if table.columns[name].nullable else defaults.get(str(kind), "-")
            for name, kind in empty.dtypes.items()
        }
        whole.append({**known, "day": day, **row})
    frame = pd.DataFrame(whole, columns=list(table.columns)).astype(empty.dtypes.to_dict())
    tables.write(table, frame, list(frame["day"]))


def quality(**changes):
    return {"measure": "nulls", "quality": "ok", "bad": 0.05, "severe": 0.2, **changes}


def feature(**changes):
    return {"feature": "change_1h_pct", "enough": True, "location_z": 1.0, **changes}


def prediction(**changes):
    return {"model_version": "v1", "is_newest": True, "state": "within", "sentence": "v1 flagged 8 %.", **changes}


@pytest.mark.parametrize("part", [drift.data_quality, drift.features, drift.predictions, drift.concept])
def test_without_a_row_a_family_is_unknown(tables, part):
    assert part(tables, WEEK).state == "unknown"


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([quality()] * 7, "in order"),
        ([quality()] * 6, "unknown"),
        ([quality()] * 6 + [quality(quality="severe", value=0.4)], "needs attention"),
    ],
)
def test_quality_is_in_order_if_all_days_were_measured_and_none_was_bad(tables, rows, state):
    write(tables, DATA_QUALITY_DRIFT, *rows)
    assert drift.data_quality(tables, WEEK).state == state


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([feature()] * 7, "in order"),
        ([feature()] * 6, "unknown"),
        ([feature(enough=False, location_z=None)] * 7, "unknown"),
        ([feature()] * 6 + [feature(spread_innovation=-7.0)], "unknown"),
    ],
)
def test_features_are_in_order_if_all_days_could_be_judged_and_none_lies_far_off(tables, rows, state):
    write(tables, FEATURE_DRIFT, *rows)
    assert drift.features(tables, WEEK).state == state


def test_the_feature_that_lies_farthest_off_comes_first(tables):
    write(tables, FEATURE_DRIFT, *[feature()] * 3, feature(feature="slog_volume_24h", location_z=-9.0))
    found = drift.features(tables, WEEK)
    assert found.rows[0]["feature"] == "slog_volume_24h"
    assert found.rows[0]["location z"] == -9.0
    assert "9.0 standard deviations" in found.text
    assert found.picture.startswith("![")


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([prediction()] * 7, "in order"),
        ([prediction()] * 6 + [prediction(state="unknown")], "unknown"),
        ([prediction()] * 5, "unknown"),
        ([prediction(state="outside")] + [prediction()] * 6, "needs attention"),
    ],
)
def test_predictions_are_in_order_if_each_day_lies_within_its_limits(tables, rows, state):
    write(tables, PREDICTION_DRIFT, *rows)
    assert drift.predictions(tables, WEEK).state == state


@pytest.mark.parametrize(
    ("verdict", "decides", "state"),
    [
        ("same", True, "in order"),
        ("worse", True, "needs attention"),
        ("unknown", True, "unknown"),
        ("worse", False, "unknown"),
    ],
)
def test_the_concept_is_judged_by_the_opponent_that_decides(tables, verdict, decides, state):
    row = {"opponent": "v1", "kind": "predecessor", "verdict": verdict, "decides": decides, "sentence": "As told."}
    write(tables, CONCEPT_DRIFT, row)
    assert drift.concept(tables, WEEK).state == state
