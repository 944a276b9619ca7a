"""features.yaml is changed on a home with a champion: nothing is mixed, nothing is judged by the wrong model."""

import pytest

from mlreg_dagster.core.hours import HOUR, day_key, hour_key, hour_range
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster_tests.lifecycle import CONFIGS, DUE, LIVE, LIVE_HOURS, failure, verdicts

DAY = day_key(DUE)  # whose training window is the day before LIVE, and LIVE
CHANGED = {"features": {**CONFIGS["features"], "min_window_share": 0.9}}


@pytest.fixture
def changed(make_world, live_home):
    """The live home, whose owner has just raised min_window_share."""
    return make_world(live_home, configs=CHANGED)


def test_hours_that_are_computed_anew_are_refused_by_the_old_champion(changed):
    before = changed.warehouse.read(PREDICTIONS)
    assert changed.attempt("market_features", hours=LIVE_HOURS[:1]).success
    message = failure(changed.attempt("predictions", hours=LIVE_HOURS[:2]))
    assert "OtherFeatureSettings" in message
    assert "min_window_share is 0.9 there, 0.5 in the manifest of v1. v1 can't judge them." in message
    assert changed.warehouse.read(PREDICTIONS).equals(before)
    assert changed.attempt("predictions", hours=LIVE_HOURS[1:3]).success  # as they were made, so they are judged


def test_a_week_of_which_some_hours_are_computed_anew_is_not_frozen(changed):
    assert changed.attempt("market_features", hours=LIVE_HOURS).success
    message = failure(changed.attempt("training_dataset", key=DAY))
    assert f"(in {hour_key(LIVE - 24 * HOUR)}...{hour_key(LIVE - HOUR)}) were computed with other" in message
    assert "min_window_share is 0.5 there, 0.9 in features.yaml. Materialize market_features for those hours" in message
    assert changed.artifacts.find("training_dataset", DAY) is None
    assert changed.attempt("market_features", hours=hour_range(LIVE - 24 * HOUR, LIVE - HOUR)).success
    assert changed.attempt("training_dataset", key=DAY).success


def test_an_old_holdout_judges_nobody(changed):
    message = failure(changed.attempt("evaluated_model", key="v1"))
    assert "min_window_share is 0.5 there, 0.9 in features.yaml. Evaluate on a holdout that was frozen" in message
    assert len(changed.registry.evaluations("v1")) == 1


def test_features_that_the_settings_no_longer_describe_fail_their_check(changed):
    result = changed.attempt(checks="market_features")
    assert verdicts(result) == {"one_row_a_snapshot": False, "features_are_known": True}
