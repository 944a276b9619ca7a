"""Who scores which hours, and that a row's score is its own affair."""

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.artifacts.artifact import FeatureMismatch
from mlreg_dagster.outcomes.predicting import scoring
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.registry import UnknownVersion
from mlreg_dagster.storage.warehouse.tables import InvalidRows
from mlreg_dagster_tests.lifecycle import DUE, LIVE, LIVE_HOURS, NOON


@pytest.fixture
def rows(live):
    return live.warehouse.read(features_table(live.settings.features), LIVE, LIVE_HOURS[-1])


@pytest.fixture
def prices(live):
    return live.warehouse.read(MARKET_SNAPSHOT, LIVE, LIVE_HOURS[-1], columns=["hour", "instrument_id", "price"])


def _assigned(live, hours, requested=()):
    return [
        (each.version, each.role, each.first, each.last) for each in scoring.assign(live.registry, hours, requested)
    ]


def test_the_holders_of_both_aliases_are_assigned_their_hours(live):
    live.promote("v1", DUE, alias="challenger")
    hours = hour_range(LIVE - 3 * HOUR, DUE + 3 * HOUR)
    assert _assigned(live, hours, ["latest"]) == [
        ("v1", "champion", LIVE, NOON - HOUR),
        ("v2", "champion", NOON, hours[-1]),
        ("v1", "challenger", DUE, hours[-1]),
        ("v3", "requested", hours[0], hours[-1]),
    ]


def test_hours_without_a_holder_are_assigned_to_nobody(live):
    assert _assigned(live, hour_range(LIVE - 3 * HOUR, LIVE - HOUR)) == []


def test_an_unknown_version_is_an_error(live):
    with pytest.raises(UnknownVersion, match="v9 is not registered"):
        scoring.assign(live.registry, LIVE_HOURS, ["v9"])


def test_a_score_does_not_depend_on_the_rows_beside_it(live, rows, prices):
    assignments = scoring.assign(live.registry, LIVE_HOURS, ["v3"])
    together = scoring.score(assignments, rows, prices, live.artifacts)
    alone = pd.concat(
        [scoring.score(assignments, rows[n : n + 1], prices, live.artifacts) for n in range(0, len(rows), 31)]
    )
    key = ["hour", "instrument_id", "model_version"]
    expected = together.merge(alone[key], on=key)[list(together.columns)]
    of_the_row = [name for name in together.columns if name not in ("threshold", "is_anomaly")]  # which are the hour's
    pd.testing.assert_frame_equal(alone[of_the_row].reset_index(drop=True), expected[of_the_row], check_exact=True)


def test_the_flag_is_the_score_against_one_threshold_an_hour(live, rows, prices):
    scored = scoring.score(scoring.assign(live.registry, LIVE_HOURS, ["v3"]), rows, prices, live.artifacts)
    PREDICTIONS.validate(scored)
    assert (scored["is_anomaly"] == (scored["score"] > scored["threshold"])).all()
    assert (scored.groupby(["hour", "model_version"])["threshold"].nunique() == 1).all()
    assert scored.groupby("model_version")["threshold"].nunique().min() > 1


def test_a_flag_that_contradicts_its_score_is_not_stored(live, rows, prices):
    scored = scoring.score(scoring.assign(live.registry, LIVE_HOURS, []), rows, prices, live.artifacts)
    turned = scored.assign(is_anomaly=scored["is_anomaly"] ^ (scored.index == 5))
    with pytest.raises(InvalidRows, match=r"^predictions: is_anomaly must be score > threshold; broken in 1 rows"):
        PREDICTIONS.validate(turned)
    at_threshold = scored.assign(score=scored["threshold"], is_anomaly=False)
    PREDICTIONS.validate(at_threshold)


def test_rows_without_a_feature_of_the_model_are_refused(live, rows, prices):
    assignments = scoring.assign(live.registry, LIVE_HOURS, [])
    with pytest.raises(FeatureMismatch, match=r"missing \['volatility_7d_pct'\]"):
        scoring.score(assignments, rows.drop(columns="volatility_7d_pct"), prices, live.artifacts)


def test_no_rows_and_no_models_give_an_empty_table(live, rows, prices):
    nothing = PREDICTIONS.empty()
    pd.testing.assert_frame_equal(scoring.score([], rows, prices, live.artifacts), nothing)
    assignments = scoring.assign(live.registry, LIVE_HOURS, [])
    pd.testing.assert_frame_equal(scoring.score(assignments, rows.head(0), prices, live.artifacts), nothing)
