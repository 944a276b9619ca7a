"""A person at the launchpad asks for one day of the whole graph: that day is made, and no other."""

import pytest

from mlreg_dagster.core.hours import as_hour, hour_key, hour_range
from mlreg_dagster.verification import state
from mlreg_dagster_tests.deployment import Deployment
from mlreg_dagster_tests.location import SENSORS

pytestmark = pytest.mark.slow

DAY = "2026-01-02"
HOURS = list(map(hour_key, hour_range(as_hour(DAY), as_hour(f"{DAY}T23:00"))))
HOURLY = ("market_snapshot", "market_features", "predictions", "prediction_outcomes")
DAILY = ("training_dataset", "eval_holdout", "model_performance")


def test_a_backfill_of_a_day_materializes_that_day_alone(first_day, verified, monkeypatch):
    with Deployment(first_day, "2026-01-02T00:30") as deployment:
        deployment.stop(*SENSORS)
        before = {asset: set(deployment.newest(asset)) for asset in (*HOURLY, *DAILY)}
        deployment.set_clock("2026-01-03T00:30")
        assert deployment.backfill((*HOURLY, *DAILY), HOURS) == "COMPLETED_SUCCESS"
        made = {asset: set(deployment.newest(asset)) - before[asset] for asset in (*HOURLY, *DAILY)}
        assert made == {asset: set(HOURS) if asset in HOURLY else {DAY} for asset in made}
        assert all(each.rows == 12 for each in deployment.newest("market_features", *HOURS).values())
        assert deployment.all_ended()
        days = {each["day"][:10]: each["hours"] for each in deployment.page("/hours")["days"]}
        assert [hour["features"] for hour in days[DAY]] == [12] * 24
        _an_older_hour_that_is_made_later_is_not_taken_for_the_newest(deployment, verified, monkeypatch)


def _an_older_hour_that_is_made_later_is_not_taken_for_the_newest(deployment, verified, monkeypatch):
    monkeypatch.setattr(state, "_RECENT", 1)
    assert deployment.ended(deployment.launch("hourly", {}, "2026-01-01-05:00")).status == "SUCCESS"
    _, findings = verified(deployment)
    for asset in ("market_snapshot", "market_features", "predictions", "prediction_outcomes"):
        assert findings[asset] == ("ok", "12 rows in 2026-01-02-23:00."), asset
    assert findings["flagged share"][0] in ("ok", "miss")
    assert f"in the day up to {DAY} 23:00" in findings["flagged share"][1]
