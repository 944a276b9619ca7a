"""The source gives no answer about six hours; the hours after them arrive before it does."""

import pytest

from mlreg_dagster_tests.deployment import Deployment, rows_of_versions
from mlreg_dagster_tests.svg import words_of

pytestmark = pytest.mark.slow

LOST = [f"2026-01-02-0{hour}:00" for hour in range(6)]
NEXT = "2026-01-02-06:00"
HOURLY = ("market_snapshot", "market_features", "predictions", "prediction_outcomes")


def test_six_lost_hours_are_filled_in_as_one_range_and_what_followed_is_made_again(first_day, verified):
    with Deployment(first_day, "2026-01-02T00:30") as deployment:
        assert verified(deployment)[0] == 0
        deployment.break_source("2026-01-02T00:00", "2026-01-02T05:00")
        deployment.set_clock("2026-01-02T06:30")
        failed = _the_run_of_the_lost_hours_fails(deployment, verified)
        deployment.set_clock("2026-01-02T07:30")
        _the_next_hour_comes_all_the_same(deployment)
        deployment.repair_source()
        _the_lost_hours_come_in(deployment)
        _the_next_hour_is_made_again(deployment)
        deployment.wait_for("rest", lambda: deployment.says("catch_up_sensor").endswith("are up to date."))
        code, findings = verified(deployment)
        assert (code, findings["predictions"][0], findings["runs"][0]) == (0, "ok", "ok"), findings
        told = f"Run {failed.id} of job hourly of {LOST[0]}...{LOST[-1]} failed: simulated: the source does not answer"
        deployment.wait_for("notice of the failure", lambda: told in deployment.log.read_text())


def _the_run_of_the_lost_hours_fails(deployment, verified):
    run = deployment.wait_for("failed run", lambda: deployment.client.runs(1, statuses=["FAILURE"]))[0]
    assert (run.job, _range_of(run)) == ("hourly", (LOST[0], LOST[-1]))
    assert "simulated: the source does not answer" in deployment.failure(run)
    assert deployment.newest("market_snapshot", *LOST) == {}
    code, findings = verified(deployment)
    assert (code, findings["runs"][0]) == (1, "miss")
    assert "hourly" in findings["runs"][1]
    assert findings["market_snapshot"] == ("ok", "12 rows in 2026-01-01-23:00.")
    assert {each["held"] for each in deployment.page(f"/hours/{LOST[0]}")["stored"]} == {"never computed"}
    return run


def _the_next_hour_comes_all_the_same(deployment):
    run = deployment.ended(deployment.launch("hourly", {}, NEXT))  # as the schedule does, by the machine's clock
    assert run.status == "SUCCESS"
    assert rows_of_versions(deployment.newest("predictions", NEXT)[NEXT]) > 0


def _the_lost_hours_come_in(deployment):
    deployment.wait_for("lost hours", lambda: len(deployment.newest("prediction_outcomes", *LOST)) == len(LOST))
    made = {asset: deployment.newest(asset, *LOST) for asset in HOURLY}
    assert {each["held"] for each in deployment.page(f"/hours/{LOST[0]}")["stored"][:2]} == {"rows"}
    (run_id,) = {each.run_id for hours in made.values() for each in hours.values()}
    assert _range_of(deployment.ended(run_id)) == (LOST[0], LOST[-1])
    assert all(made["market_snapshot"][hour].rows == made["market_features"][hour].rows > 0 for hour in LOST)
    assert [rows_of_versions(made["predictions"][hour]) > 0 for hour in LOST] == [False, True, True, True, True, True]
    assert words_of(made["market_snapshot"][LOST[-1]].metadata["price_changes"])


def _the_next_hour_is_made_again(deployment):
    follow_up = deployment.wait_for("follow-up", lambda: deployment.client.runs(pipelineName="follow_up"))
    assert _range_of(deployment.ended(follow_up[0].id)) == (NEXT, NEXT)
    times_made = {asset: len(deployment.client.materializations(asset, partitions=[NEXT])) for asset in HOURLY}
    assert times_made == dict.fromkeys(HOURLY, 2) | {"market_snapshot": 1}


def _range_of(run):
    return run.tags["dagster/asset_partition_range_start"], run.tags["dagster/asset_partition_range_end"]
