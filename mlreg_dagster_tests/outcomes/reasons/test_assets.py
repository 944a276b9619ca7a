"""prediction_reasons as an asset, and its check."""

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, hour_key
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.outcomes.names import REMAINDER
from mlreg_dagster.outcomes.reasons import of_hours
from mlreg_dagster.outcomes.schema import PREDICTION_REASONS, PREDICTIONS
from mlreg_dagster_tests.lifecycle import CONFIGS, LIVE, LIVE_HOURS, failure, metadata, verdicts

CHECK = "reasons_sum_to_scores"


def _reasons(world, first=None, last=None):
    return world.warehouse.read(PREDICTION_REASONS, first, last)


def test_each_flag_of_the_champion_has_reasons(live):
    predictions, reasons = live.warehouse.read(PREDICTIONS), _reasons(live)
    assert len(reasons) == 4 * predictions["is_anomaly"].sum() > 0
    assert set(reasons["model_version"]) == {"v1", "v2"}
    assert of_hours.compare(predictions, reasons).holds


def test_hours_alone_and_in_a_range_have_the_same_reasons(live):
    before = _reasons(live)
    for hour in before["hour"].unique()[:2]:
        result = live.attempt("prediction_reasons", key=hour_key(hour))
        assert verdicts(result) == {CHECK: True}
    pd.testing.assert_frame_equal(_reasons(live), before, check_exact=True)
    assert live.attempt("prediction_reasons", hours=LIVE_HOURS).success
    pd.testing.assert_frame_equal(_reasons(live), before, check_exact=True)


def test_what_comes_after_an_hour_changes_none_of_its_reasons(live):
    table, before = features_table(live.settings.features), _reasons(live)
    hour = before["hour"].iloc[0]
    later = live.warehouse.read(table, hour + HOUR, LIVE_HOURS[-1])
    names = later.columns.drop(["hour", "instrument_id", "feature_settings"])
    later[names] *= 2
    live.warehouse.write(table, later, later["hour"].unique())
    assert live.attempt("prediction_reasons", hours=LIVE_HOURS[hour >= LIVE_HOURS]).success
    pd.testing.assert_frame_equal(_reasons(live, last=hour), before[before["hour"] <= hour], check_exact=True)


def test_a_range_that_dies_half_way_is_done_by_the_next_run(make_world, live_home, monkeypatch):
    """By chunks; none of them is there by half."""
    world = make_world(live_home, configs={"ingest": {**CONFIGS["ingest"], "chunk_hours": 24}})
    expected = _reasons(world)
    world.warehouse.write(PREDICTION_REASONS, PREDICTION_REASONS.empty(), LIVE_HOURS)
    whole, calls = of_hours.reasons_of, []

    def dying(*given):
        calls.append(given)
        if len(calls) == 2:
            raise KeyError("died")
        return whole(*given)

    with monkeypatch.context() as patch:
        patch.setattr(of_hours, "reasons_of", dying)
        patch.setattr("mlreg_dagster.outcomes.reasons.assets.chunked", lambda hours, _: [hours[:12], hours[12:]])
        assert "died" in failure(world.attempt("prediction_reasons", hours=LIVE_HOURS))
    half = _reasons(world)
    pd.testing.assert_frame_equal(half, expected[expected["hour"] < LIVE + 12 * HOUR].reset_index(drop=True))
    assert world.attempt("prediction_reasons", hours=LIVE_HOURS).success
    pd.testing.assert_frame_equal(_reasons(world), expected, check_exact=True)


def test_the_run_says_which_families_come_first(live):
    result = live.attempt("prediction_reasons", hours=LIVE_HOURS)
    said, reasons = metadata(result, "prediction_reasons"), _reasons(live)
    assert (said["rows"], said["flags"], said["hours"]) == (str(len(reasons)), str(len(reasons) // 4), "24")
    counts = reasons.loc[reasons["rank"] == 1, "family"].value_counts()
    events = result.asset_materializations_for_node("prediction_reasons")
    shown = {row.data["family"]: row.data["flags"] for row in events[-1].metadata["first_reasons"].records}
    assert shown == counts.to_dict()
    assert said["reasons"].startswith("![First reasons of the flags from 2026-01-05")
    plotted = {
        each.partition: each.metadata["explained_share"].value for each in events if "explained_share" in each.metadata
    }
    total = reasons.groupby(["hour", "instrument_id"])["share"].sum()
    rest = reasons[reasons["family"] == REMAINDER].set_index(["hour", "instrument_id"])["share"]
    expected = (1 - rest / total).groupby("hour").mean()
    assert plotted == pytest.approx({hour_key(hour): share for hour, share in expected.items()})


def test_hours_without_a_champion_have_no_reasons(trained):
    result = trained.attempt("predictions", "prediction_reasons", hours=LIVE_HOURS[:2])
    assert result.success
    assert verdicts(result)[CHECK]
    assert _reasons(trained).empty
    assert metadata(result, "prediction_reasons")["flags"] == "0"


def test_hours_that_were_never_predicted_are_refused(trained):
    message = failure(trained.attempt("prediction_reasons", hours=LIVE_HOURS[:2]))
    assert "prediction_reasons: predictions was never made for 2 of 2 hours" in message


def test_switched_off_nothing_is_explained_and_nothing_is_wrong(make_world, live_home):
    world = make_world(live_home, configs={"outcomes": {"reasons": {"pairs": 0}}})
    result = world.attempt("prediction_reasons", hours=LIVE_HOURS)
    assert verdicts(result) == {CHECK: True}
    assert _reasons(world).empty


def test_flags_without_reasons_fail_the_check(live):
    reasons = _reasons(live)
    newest = reasons["hour"].max()
    reasons = reasons[(reasons["hour"] == newest) & (reasons["instrument_id"] != reasons["instrument_id"].iloc[-1])]
    live.warehouse.write(PREDICTION_REASONS, reasons, reasons["hour"].unique())
    rows = live.warehouse.read(PREDICTIONS, newest, newest)
    live.warehouse.write(PREDICTIONS, rows.assign(score=rows["score"] + 1e-9 * rows["is_anomaly"]), [newest])
    (alone,) = live.attempt(checks="prediction_reasons").get_asset_check_evaluations()
    assert not alone.passed
    flags, named = rows["is_anomaly"].sum(), len(reasons) // 4
    assert named
    assert alone.description == (
        f"Of {flags} flags {flags - named} have no reasons, {named} have reasons that do not sum to their score; 0 "
        f"reasons have no flag. Materialize predictions and prediction_reasons again."
    )


def test_an_older_home_has_no_reasons_and_no_complaint(live):
    """Its table is not there."""
    with live.warehouse.connect() as connection:
        connection.execute(f"DROP TABLE {PREDICTION_REASONS.name}")
    (alone,) = live.attempt(checks="prediction_reasons").get_asset_check_evaluations()
    assert (alone.passed, alone.description) == (True, "No prediction has reasons yet.")
