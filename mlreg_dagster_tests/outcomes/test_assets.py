"""predictions, prediction_outcomes and model_performance as assets: who scores which hour, and what counts."""

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, day_key, hour_key, hour_range
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster_tests.lifecycle import (
    DATASET_DAY,
    DUE,
    DUE_HOURS,
    LIVE,
    LIVE_HOURS,
    NOON,
    START,
    failure,
    metadata,
    verdicts,
)

MORNING, AFTERNOON = LIVE_HOURS[:12], LIVE_HOURS[12:]


def _predictions(world):
    return world.warehouse.read(PREDICTIONS)


def _who(predictions):
    """Version and role to the hours that it scored."""
    groups = predictions.groupby(["model_version", "role"])["hour"]
    return {key: (hours.min(), hours.max()) for key, hours in groups}


# --- who scores ----------------------------------------------------------------------------------------------


def test_each_hour_is_scored_by_the_champion_as_of_that_hour(live):
    rows = _predictions(live)
    assert _who(rows) == {
        ("v1", "champion"): (MORNING[0], MORNING[-1]),
        ("v2", "champion"): (AFTERNOON[0], AFTERNOON[-1]),
    }
    market = live.warehouse.read(MARKET_SNAPSHOT, LIVE, LIVE_HOURS[-1], columns=["hour", "instrument_id", "price"])
    pd.testing.assert_frame_equal(rows[["hour", "instrument_id", "price"]], market)
    for version, part in rows.groupby("model_version"):
        assert set(part["artifact_sha256"]) == {live.registry.version(version).artifact_sha256}
    assert not rows["in_sample"].any()


def test_a_backfill_is_not_changed_by_who_is_champion_today(live):
    before = _predictions(live)
    live.promote("v1", DUE)
    assert live.registry.holder("champion").version == "v1"
    result = live.attempt("predictions", hours=LIVE_HOURS)
    pd.testing.assert_frame_equal(_predictions(live), before)
    assert [(row["version"], row["role"]) for row in _table(result, "models")] == [
        ("v1", "champion"),
        ("v2", "champion"),
    ]
    assert {row["scorer"] for row in _table(result, "models")} == {"scikit-learn"}


def _table(result, name):
    return [record.data for record in result.asset_materializations_for_node("predictions")[-1].metadata[name].records]


def test_a_challenger_is_scored_beside_the_champion(live):
    live.promote("v2", LIVE, alias="challenger")
    live.attempt("predictions", hours=LIVE_HOURS)
    rows = _predictions(live)
    assert _who(rows) == {
        ("v1", "champion"): (MORNING[0], MORNING[-1]),
        ("v2", "challenger"): (MORNING[0], MORNING[-1]),
        ("v2", "champion"): (AFTERNOON[0], AFTERNOON[-1]),  # one row where a version holds both
    }
    sizes = rows.groupby(["model_version", "role"]).size()
    assert sizes["v1", "champion"] == sizes["v2", "challenger"] > 0


def test_before_any_champion_a_run_succeeds_and_says_that_there_is_none(trained):
    result = trained.attempt("predictions", hours=LIVE_HOURS[:2])
    assert result.success
    assert "There was no champion as of 2026-01-05 00:00: no predictions." in trained.warnings(result)
    said = metadata(result, "predictions")
    assert (said["rows"], said["hours"], said["models"]) == ("0", "2", "none")
    assert _predictions(trained).empty


def test_hours_before_the_first_champion_stay_empty_in_a_range_that_begins_before(live):
    live.attempt("predictions", hours=hour_range(LIVE - 2 * HOUR, LIVE + HOUR))
    assert _predictions(live)["hour"].min() == LIVE


def test_a_version_can_be_asked_for_by_name(live):
    live.attempt("predictions", hours=LIVE_HOURS[:2], config={"versions": ["v3", "latest-1", "champion"]})
    rows = _predictions(live)
    rows = rows[rows["hour"].isin(LIVE_HOURS[:2])]
    said_by = (("v1", "champion"), ("v2", "requested"), ("v3", "requested"))
    assert _who(rows) == dict.fromkeys(said_by, (LIVE_HOURS[0], LIVE_HOURS[1]))


def test_an_unknown_version_scores_nothing(live):
    before = _predictions(live)
    message = failure(live.attempt("predictions", hours=LIVE_HOURS[:2], config={"versions": ["v9"]}))
    assert "v9 is not registered. Registered versions: v1, v2, v3." in message
    pd.testing.assert_frame_equal(_predictions(live), before)


def test_a_tampered_artifact_scores_nothing(live):
    before = _predictions(live)
    live.tamper("v2")
    assert "is not what was frozen" in failure(live.attempt("predictions", hours=LIVE_HOURS))
    pd.testing.assert_frame_equal(_predictions(live), before)
    assert live.attempt("predictions", hours=MORNING[:2]).success  # those hours are v1's


def _by_partition(result, asset, label):
    events = result.asset_materializations_for_node(asset)
    return {event.partition: event.metadata[label].value for event in events if label in event.metadata}


def test_the_flagged_share_of_each_hour_can_be_plotted(live):
    """The same for an hour whether it is made alone or in a range; champion and challenger apart."""
    live.promote("v1", NOON, alias="challenger")
    result = live.attempt("predictions", hours=LIVE_HOURS)
    rows = _predictions(live)
    for role, label in (("champion", "flagged_share"), ("challenger", "challenger_flagged_share")):
        shares = rows[rows["role"] == role].groupby("hour")["is_anomaly"].mean()
        assert _by_partition(result, "predictions", label) == {hour_key(hour): share for hour, share in shares.items()}
    alone = live.attempt("predictions", key=hour_key(NOON))
    for label in ("flagged_share", "challenger_flagged_share"):
        assert _by_partition(alone, "predictions", label).items() <= _by_partition(result, "predictions", label).items()


def test_what_a_model_knows_is_not_plotted(live):
    known = hour_range(DATASET_DAY, DATASET_DAY + HOUR)
    result = live.attempt("predictions", hours=known, config={"versions": ["v1"]})
    assert _by_partition(result, "predictions", "flagged_share") == {}


def test_the_quality_of_each_day_can_be_plotted(live):
    result = live.attempt("model_performance", key=day_key(DUE))
    rows = live.warehouse.read(PREDICTION_OUTCOMES)
    crash, flagged = rows["outcome"] == "crash", rows["is_anomaly"]
    expected = {
        "recall": (crash & flagged).sum() / crash.sum(),
        "precision": (crash & flagged).sum() / flagged.sum(),
        "flagged_share": flagged.mean(),
        "unknown_share": 0.0,
        "base_rate": crash.mean(),
    }
    said = metadata(result, "model_performance")
    assert {name: said[name] for name in expected} == pytest.approx(expected)
    assert said["lift"] == pytest.approx(said["precision"] / said["base_rate"])
    assert "challenger_recall" not in said


# --- outcomes -----------------------------------------------------------------------------------------


def test_every_prediction_gets_its_outcome_24_hours_later(live):
    made, came = _predictions(live), live.warehouse.read(PREDICTION_OUTCOMES)
    key = ["hour", "instrument_id", "model_version"]
    pd.testing.assert_frame_equal(came[key], made[key].assign(hour=made["hour"] + 24 * HOUR))
    assert set(came["outcome"]) == {"crash", "no_crash"}


def test_a_price_that_is_missing_leaves_the_outcome_open_and_counted(live):
    with live.warehouse.connect() as connection:
        connection.execute("DELETE FROM market_snapshot WHERE hour = $hour", {"hour": DUE})
    taken = dg.AssetMaterialization("market_snapshot", partition=hour_key(DUE))  # an hour in which nothing was there
    live.instance.report_runless_asset_event(taken)
    result = live.attempt("prediction_outcomes", hours=DUE_HOURS[:1])
    rows = live.warehouse.read(PREDICTION_OUTCOMES, DUE, DUE)
    assert set(rows["outcome"]) == {"unresolved"}
    assert metadata(result, "prediction_outcomes")["outcome_unresolved"] == str(len(rows)) == "12"
    assert verdicts(result) == {"one_outcome_a_prediction": True, "outcomes_have_one_meaning": True}
    live.attempt("model_performance", key=day_key(DUE))
    measured = live.warehouse.read(MODEL_PERFORMANCE)
    assert measured["unresolved"].sum() == 12
    assert measured["predictions"].sum() == measured["resolved"].sum() + 12 == len(_predictions(live))


def test_predictions_of_hours_that_the_model_knows_are_marked_and_kept_out_of_the_measures(live):
    known = hour_range(DATASET_DAY, DATASET_DAY + 2 * HOUR)
    result = live.attempt("predictions", hours=known, config={"versions": ["v1"]})
    rows = live.warehouse.read(PREDICTIONS, known[0], known[-1])
    assert rows["in_sample"].all()
    assert len(rows) > 30
    assert metadata(result, "predictions")["in_sample"] == str(len(rows))
    live.attempt("prediction_outcomes", hours=known + 24 * HOUR)
    live.attempt("model_performance", key=day_key(LIVE))
    (measured,) = live.warehouse.read(MODEL_PERFORMANCE, LIVE, LIVE).to_dict("records")
    assert (measured["predictions"], measured["in_sample"], measured["resolved"]) == (len(rows), len(rows), 0)
    assert pd.isna(measured["recall"])
    assert pd.isna(measured["base_rate"])


def test_the_first_hour_after_the_dataset_is_not_in_sample(live):
    live.attempt("predictions", hours=hour_range(LIVE - HOUR, LIVE), config={"versions": ["v2"]})
    rows = live.warehouse.read(PREDICTIONS, LIVE - HOUR, LIVE)
    assert rows.groupby("hour")["in_sample"].all().to_dict() == {LIVE - HOUR: True, LIVE: False}


def test_performance_tells_each_version_of_the_day(live):
    measured = live.warehouse.read(MODEL_PERFORMANCE)
    came = live.warehouse.read(PREDICTION_OUTCOMES)
    assert set(measured["day"]) == {DUE}
    assert list(measured["model_version"]) == ["v1", "v2"]
    assert measured["predictions"].sum() == len(came)
    assert measured["crashes"].sum() == (came["outcome"] == "crash").sum()


@pytest.mark.parametrize(
    ("asset", "upstream"), [("predictions", "market_features"), ("prediction_outcomes", "market_snapshot")]
)
def test_an_hour_that_was_never_computed_is_refused_before_anything_is_stored(live, asset, upstream):
    with live.warehouse.connect() as connection:
        connection.execute(f"DELETE FROM {upstream} WHERE hour = $hour", {"hour": DUE})
    hours = hour_range(DUE - HOUR, DUE + HOUR)
    before = live.warehouse.read(PREDICTIONS), live.warehouse.read(PREDICTION_OUTCOMES)
    refusal = f"{asset}: {upstream} was never made for 1 of 3 hours (2026-01-06-00:00). Nothing was stored."
    assert refusal in failure(live.attempt(asset, hours=hours))
    for table, frame in zip((PREDICTIONS, PREDICTION_OUTCOMES), before, strict=True):
        pd.testing.assert_frame_equal(live.warehouse.read(table), frame)
    nothing_was_there = dg.AssetMaterialization(upstream, partition=hour_key(DUE))
    live.instance.report_runless_asset_event(nothing_was_there)
    assert live.attempt(asset, hours=hours).success


def test_a_day_without_any_hour_is_not_measured(live):
    for key, is_made in ((day_key(DUE), True), ("2026-01-07", False)):
        result = live.attempt("model_performance", key=key)
        assert result.success == is_made
    assert "market_snapshot was never made for any hour of 2026-01-07" in failure(result)


@pytest.mark.parametrize("asset", ["prediction_outcomes", "model_performance"])
def test_nothing_to_look_back_at_is_a_success(trained, asset):
    how = {"key": day_key(START)} if asset == "model_performance" else {"hours": hour_range(START, START + HOUR)}
    result = trained.attempt(asset, **how)
    assert result.success
    assert trained.warehouse.read(PREDICTION_OUTCOMES).empty
    assert trained.warehouse.read(MODEL_PERFORMANCE).empty


def test_noon_is_when_the_second_takes_over(live):
    rows = _predictions(live)
    assert rows[rows["hour"] == NOON - HOUR]["model_version"].unique().tolist() == ["v1"]
    assert rows[rows["hour"] == NOON]["model_version"].unique().tolist() == ["v2"]


def test_other_libraries_than_those_of_the_training_are_said_by_the_run_that_scores(live, monkeypatch):
    quiet = live.attempt("predictions", hours=LIVE_HOURS[:2])
    assert metadata(quiet, "predictions")["remarks"] == "none"
    now = artifact.library_versions()
    monkeypatch.setattr(artifact, "library_versions", lambda: {**now, "scikit-learn": "9.9"})
    result = live.attempt("predictions", hours=LIVE_HOURS[:2])
    said = f"so its scores may differ: scikit-learn {now['scikit-learn']} → 9.9."
    assert said in metadata(result, "predictions")["remarks"]
    assert said in live.warnings(result)
