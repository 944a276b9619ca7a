"""Simple rankings: scored on the rows of the models, flagged within a budget, and never taken for versions."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster import Client
from mlreg_dagster.config import ConfigError, OutcomeSettings
from mlreg_dagster.config.sections.outcomes import RankingSettings
from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.outcomes.assets import build_outcome_assets
from mlreg_dagster.outcomes.names import RANKING, VERSION_ROWS
from mlreg_dagster.outcomes.performance.summary import summarize
from mlreg_dagster.outcomes.predicting import scoring
from mlreg_dagster.outcomes.predicting.history import History, by_kind
from mlreg_dagster.outcomes.predicting.rankings import rank
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.registry import UnknownVersion
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster_tests.lifecycle import DATASET_DAY, DUE_HOURS, LIVE, LIVE_HOURS, NOON, Lifecycle, failure, metadata

PANEL = RankingSettings()
_COLUMNS = ["hour", "instrument_id", "price", "volume_24h"]


@pytest.fixture
def features(live):
    return live.warehouse.read(features_table(live.settings.features), LIVE, LIVE_HOURS[-1])


@pytest.fixture
def market(live):
    return live.warehouse.read(MARKET_SNAPSHOT, LIVE - 24 * HOUR, LIVE_HOURS[-1], columns=_COLUMNS)


@pytest.fixture
def ranked(live):
    """The live world, whose configuration asks for the rankings now; its hours were predicted without any."""
    return Lifecycle(live.home, {"outcomes": {"bootstrap_samples": 100}}, live.instance)


def _ranked(live, features, market, settings=PANEL, history=None):
    champions = scoring.assign(live.registry, LIVE_HOURS, [])
    return PREDICTIONS.validate(rank(settings, champions, features, market, live.artifacts, history))


def _scores(found, name, features):
    """The scores of a ranking on the rows of the features; NaN where it has none."""
    own = found[found["model_version"] == f"ranking:{name}"].set_index(["hour", "instrument_id"])["score"]
    return own.reindex(pd.MultiIndex.from_frame(features[["hour", "instrument_id"]])).to_numpy()


# --- what is scored ------------------------------------------------------------------------------------------


def test_rankings_are_scores_of_one_column(live, features, market):
    own = {"calm": {"column": "volatility_7d_pct", "by": "negative"}}
    found = _ranked(live, features, market, RankingSettings(own=own))
    assert set(found["role"]) == {RANKING}
    assert len(found["model_version"].unique()) == 7
    change, volatility = (features[name].to_numpy() for name in ("change_24h_pct", "volatility_7d_pct"))
    for name, expected in {
        "volatility": volatility,
        "calm": -volatility,
        "absolute_change": np.abs(change),
        "fall": -change,
    }.items():
        np.testing.assert_array_equal(_scores(found, name, features), expected)


def test_drawdown_is_the_fall_from_the_high_of_six_hours_and_a_volume_jump_is_against_its_day(live, features, market):
    found = _ranked(live, features, market)
    for name, column, hours in (("drawdown", "price", 7), ("volume_jump", "volume_24h", 25)):
        scores = _scores(found, name, features)
        for number in range(0, len(features), 41):
            row = features.iloc[number]
            past = market[(market["instrument_id"] == row["instrument_id"]) & (market["hour"] <= row["hour"])]
            past = past[past["hour"] > row["hour"] - hours * HOUR].set_index("hour")[column]
            if name == "drawdown":
                expected = 100 * (1 - past[row["hour"]] / past.max())
            else:
                expected = np.log(past[row["hour"]] / past[:-1].mean())
            assert scores[number] == pytest.approx(expected)


def test_the_robust_z_score_is_that_of_the_champion_as_of_the_hour(live, features, market):
    found = _ranked(live, features, market)
    own = found[found["model_version"] == "ranking:robust_z"]
    spans = own.groupby("artifact_sha256")["hour"].agg(["min", "max"]).sort_values("min")
    assert spans.to_numpy().tolist() == [[LIVE, NOON - HOUR], [NOON, LIVE_HOURS[-1]]]
    for version, rows in (("v1", features["hour"] < NOON), ("v2", features["hour"] >= NOON)):
        model = artifact.load(live.artifacts, version, live.registry.version(version).artifact_sha256)
        expected = model.baseline_score(model.select(features[rows]))
        np.testing.assert_array_equal(_scores(found, "robust_z", features[rows]), expected)


def test_what_is_unknown_gets_no_prediction(live, features, market):
    unknown = features["instrument_id"] == features["instrument_id"].iloc[0]
    found = _ranked(live, features.assign(change_24h_pct=features["change_24h_pct"].mask(unknown)), market)
    for name in ("fall", "absolute_change"):
        assert (found["model_version"] == f"ranking:{name}").sum() == (~unknown).sum()
    alone = market[market["hour"] >= LIVE]
    first = _scores(_ranked(live, features, alone), "volume_jump", features)[features["hour"] == LIVE]
    assert np.isnan(first).all()  # no hour before it is known


def test_a_volume_of_nothing_is_no_jump(live, features, market):
    found = _ranked(live, features, market.assign(volume_24h=0.0))
    assert "ranking:volume_jump" not in set(found["model_version"])


def test_another_definition_or_policy_is_another_ranking(live, features, market):
    sha256 = {
        json: frozenset(_ranked(live, features, market, RankingSettings(panel=("fall",), **more))["artifact_sha256"])
        for json, more in (("usual", {}), ("again", {}), ("top_k", {"flagging": {"policy": "top_k"}}))
    }
    assert sha256["usual"] == sha256["again"] != sha256["top_k"]


@pytest.mark.parametrize("last", [LIVE, NOON])
def test_nothing_after_an_hour_changes_its_rankings_and_a_range_is_its_hours(live, features, market, last):
    whole = _ranked(live, features, market)
    until = _ranked(live, features[features["hour"] <= last], market[market["hour"] <= last])
    expected = whole[whole["hour"] <= last].reset_index(drop=True)
    pd.testing.assert_frame_equal(until, expected, check_exact=True)
    rest = features[features["hour"] > last]
    after = _ranked(live, rest, market[market["hour"] > last - 24 * HOUR], history=History(by_kind(until), last + HOUR))
    expected = whole[whole["hour"] > last].reset_index(drop=True)
    pd.testing.assert_frame_equal(after, expected, check_exact=True)


# --- what is asked for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rankings", "reason"),
    [
        ({"flagging": {"policy": "frozen"}}, "no frozen threshold"),
        ({"own": {"fall": {"column": "is_gap"}}}, "names of the panel: fall"),
        ({"own": {"Fall!": {"column": "is_gap"}}}, "should match pattern"),
        ({"panel": ["fall", "fall"]}, "names a ranking twice"),
        ({"panel": ["rise"]}, "Input should be"),
    ],
)
def test_rankings_that_make_no_sense_are_refused(rankings, reason):
    with pytest.raises(ConfigError, match=reason):
        OutcomeSettings().override({"rankings": rankings})


def test_a_column_that_is_not_there_is_named_when_the_location_loads(live):
    own = {"mood": {"column": "mood"}}
    outcomes = live.settings.outcomes.override({"rankings": {"own": own}})
    with pytest.raises(ConfigError, match=r"rankings\.own\.mood\.column: market_features has no number mood; allowed"):
        build_outcome_assets(live.settings.model_copy(update={"outcomes": outcomes}), live.definitions)


# --- beside the versions -------------------------------------------------------------------------------------


def test_a_home_from_before_there_were_rankings_gets_them_when_its_hours_are_made_again(ranked):
    before = ranked.warehouse.read(PREDICTIONS)
    assert RANKING not in set(before["role"])
    result = ranked.attempt("predictions", hours=LIVE_HOURS)
    after = ranked.warehouse.read(PREDICTIONS)
    pd.testing.assert_frame_equal(after[after["role"] != RANKING].reset_index(drop=True), before, check_exact=True)
    rankings = after[after["role"] == RANKING]
    assert rankings["model_version"].nunique() == 6
    assert metadata(result, "predictions")["ranking_rows"] == str(len(rankings))
    assert metadata(result, "predictions")["rows"] == str(len(before))
    again = ranked.attempt("predictions", hours=LIVE_HOURS)
    assert again.success
    pd.testing.assert_frame_equal(ranked.warehouse.read(PREDICTIONS), after, check_exact=True)


def test_an_hour_without_a_champion_gets_the_rankings_that_need_none(ranked):
    hours = hour_range(LIVE - 2 * HOUR, LIVE - HOUR)
    result = ranked.attempt("predictions", hours=hours)
    found = ranked.warehouse.read(PREDICTIONS, hours[0], hours[-1])
    assert set(found["role"]) == {RANKING}
    assert "ranking:robust_z" not in set(found["model_version"])
    assert found["model_version"].nunique() == 5
    events = result.asset_materializations_for_node("predictions")
    assert {event.metadata[VERSION_ROWS].value for event in events if VERSION_ROWS in event.metadata} == {0}


def test_rankings_have_outcomes_and_performance_and_are_counted_apart_from_versions(ranked):
    ranked.attempt("predictions", hours=LIVE_HOURS)
    result = ranked.attempt("prediction_outcomes", hours=DUE_HOURS)
    said = metadata(result, "prediction_outcomes")
    outcomes = ranked.warehouse.read(PREDICTION_OUTCOMES)
    ours = outcomes["role"] == RANKING
    assert (said["rows"], said["ranking_rows"]) == (str((~ours).sum()), str(ours.sum()))
    assert {name for name in said if name.startswith("confusion_")} == {"confusion_v1", "confusion_v2"}
    assert ranked.attempt("model_performance", key="2026-01-06").success
    measured = ranked.warehouse.read(MODEL_PERFORMANCE)["model_version"]
    assert measured.str.startswith("ranking:").sum() == 6
    with ranked.warehouse.connect() as connection:
        tables = Tables(connection, "the warehouse")
        assert [row["model_version"] for row in summarize(tables, ranked.settings.outcomes)] == ["v1", "v2"]
    client = Client(ranked.home)
    for frame in (client.predictions(), client.outcomes(), client.performance()):
        assert set(frame["model_version"]) == {"v1", "v2"}
    assert set(client.predictions(version="ranking:fall")["role"]) == {RANKING}


def test_a_ranking_is_no_version(ranked):
    ranked.attempt("predictions", hours=LIVE_HOURS[-1:])
    with pytest.raises(UnknownVersion):
        ranked.registry.resolve("ranking:fall")
    assert "ranking:fall" in failure(
        ranked.attempt("predictions", hours=LIVE_HOURS[:1], config={"versions": ["ranking:fall"]})
    )
    assert not ranked.ask_for({"version": "ranking:fall", "reason": "it is better", "actor": "tester"}).success
    assert ranked.registry.holder("champion").version == "v2"


# --- flags of versions ---------------------------------------------------------------------------------------


def test_late_repaired_and_repeated_hours_keep_their_threshold(live):
    before = live.warehouse.read(PREDICTIONS)
    gone = LIVE_HOURS[3:6]
    live.warehouse.write(PREDICTIONS, PREDICTIONS.empty(), gone)
    assert live.attempt("predictions", hours=gone).success
    pd.testing.assert_frame_equal(live.warehouse.read(PREDICTIONS), before, check_exact=True)  # late: the same window
    assert live.attempt("predictions", hours=LIVE_HOURS[4:9]).success
    pd.testing.assert_frame_equal(live.warehouse.read(PREDICTIONS), before, check_exact=True)
    table = features_table(live.settings.features)
    repaired = live.warehouse.read(table, LIVE, LIVE)
    live.warehouse.write(table, repaired.assign(change_1h_pct=repaired["change_1h_pct"] * 3), [LIVE])
    assert live.attempt("predictions", hours=LIVE_HOURS[:1]).success
    after = live.warehouse.read(PREDICTIONS)
    assert after["threshold"].equals(before["threshold"])
    assert not after["score"].equals(before["score"])


def test_hours_one_by_one_are_flagged_as_in_a_range(live):
    before = live.warehouse.read(PREDICTIONS)
    live.warehouse.write(PREDICTIONS, PREDICTIONS.empty(), LIVE_HOURS)
    live.attempt("predictions", hours=LIVE_HOURS[:11])
    for hour in LIVE_HOURS[11:13]:  # the second takes over at noon
        live.attempt("predictions", hours=hour_range(hour, hour))
    live.attempt("predictions", hours=LIVE_HOURS[13:])
    pd.testing.assert_frame_equal(live.warehouse.read(PREDICTIONS), before, check_exact=True)


def test_in_sample_hours_get_the_frozen_threshold_and_count_in_no_window(live):
    known = hour_range(DATASET_DAY, DATASET_DAY + 2 * HOUR)
    live.attempt("predictions", hours=known, config={"versions": ["v1"]})
    rows = live.warehouse.read(PREDICTIONS, known[0], known[-1])
    assert rows["in_sample"].all()
    assert set(rows["threshold"]) == {live.registry.version("v1").manifest["threshold"]}
    before = live.warehouse.read(PREDICTIONS, LIVE, LIVE)
    live.warehouse.write(PREDICTIONS, PREDICTIONS.empty(), [LIVE])
    live.attempt("predictions", hours=LIVE_HOURS[:1])
    pd.testing.assert_frame_equal(live.warehouse.read(PREDICTIONS, LIVE, LIVE), before, check_exact=True)
