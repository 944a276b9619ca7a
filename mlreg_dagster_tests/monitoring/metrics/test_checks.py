"""The asset checks on objectives, on the small lifecycle."""

import pytest

from mlreg_dagster.core.hours import HOUR, day_key
from mlreg_dagster.core.names import DRIFT_ASSETS
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster_tests.lifecycle import CONFIGS, LIVE, LIVE_HOURS, verdicts

ENDED = {"ingest": {**CONFIGS["ingest"], "end": "2026-01-10T00:00"}}


def described(result, name: str) -> str:
    return next(each.description for each in result.get_asset_check_evaluations() if each.check_name == name)


@pytest.mark.parametrize(("late", "passed"), [(1, True), (3, False)])
def test_hours_that_are_predicted_late_are_a_warning(make_world, live_home, late, passed):
    world = make_world(live_home, clock=Clock(fixed=(LIVE_HOURS[-1] + (1 + late) * HOUR).isoformat()))
    result = world.attempt("predictions", hours=LIVE_HOURS[-1:])
    assert result.success
    assert verdicts(result)["hours_in_time"] == passed
    assert f"ended {late} h ago; at most 2 h is promised." in described(result, "hours_in_time")


def test_days_that_were_examined_late_are_a_warning_unless_the_market_has_ended(make_world, live_home):
    late = {"clock": Clock(fixed="2026-02-01T00:00")}
    result = make_world(live_home, **late).attempt(*DRIFT_ASSETS, key=day_key(LIVE))
    assert verdicts(result)["days_in_time"] is False
    ended = make_world(live_home, "ended", configs=ENDED, **late).attempt(*DRIFT_ASSETS, key=day_key(LIVE))
    assert verdicts(ended)["days_in_time"] is True
    assert described(ended, "days_in_time") == "The market has ended: nothing is to come."
