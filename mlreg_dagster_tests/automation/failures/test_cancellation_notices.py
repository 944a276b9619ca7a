"""Runs that are cancelled: what people are told of them."""

import pytest

from mlreg_dagster import jobs
from mlreg_dagster_tests.automation.cancelling import HOURS_DUE, cancelled, made
from mlreg_dagster_tests.automation.receiver import Receiver
from mlreg_dagster_tests.location import Location

pytestmark = pytest.mark.slow


def told(location: Location, cancel, receiver: Receiver) -> list[dict]:
    """What people are told of runs that `cancel` cancels."""
    cursor = location.ask("cancellation_sensor").cursor
    cancel()
    location.ask("cancellation_sensor", cursor)
    return [body for _, _, body in receiver.requests]


@pytest.mark.parametrize("ask_again", [0, 1])
def test_people_are_told_of_a_cancelled_run_and_what_happens_next(reopen, ask_again):
    with Receiver(200) as receiver:
        configs = {"notifications": {"webhook_url": receiver.url}, "automation": {"ask_again": ask_again}}
        location = reopen(HOURS_DUE, configs)
        (notice,) = told(location, lambda: cancelled(location, "catch_up_sensor"), receiver)
    assert (notice["job"], notice["event"]) == ("hourly", "cancelled")
    assert notice["partition"] == "2026-01-02-00:00...2026-01-02-01:00"
    if ask_again:
        assert "was cancelled; it is asked for again at 20" in notice["message"]
    else:
        assert "number 1 in a row; it is not asked for again by itself." in notice["message"]
    assert "Re-execute it in the UI" in notice["message"]


def test_people_are_told_of_a_run_that_never_started(reopen, later):
    with Receiver(200) as receiver:
        location = reopen(configs={"notifications": {"webhook_url": receiver.url}, "model": {"seed": 5}})
        (request,) = location.ask("retrain_sensor").run_requests
        location.instance.add_dynamic_partitions("model_version", ["v2"])
        made(location, request, jobs.RETRAIN, "retrain_sensor", "NOT_STARTED")
        later(minutes=6)
        (notice,) = told(location, lambda: location.ask("never_started_sensor"), receiver)
    assert (notice["job"], notice["partition"], notice["event"]) == ("retrain", "v2", "cancelled")
    assert notice["message"].startswith("It never started: it had not begun 5 minutes after it was asked for. Run ")


def test_a_run_that_a_person_started_and_cancelled_is_told_as_theirs(reopen):
    with Receiver(200) as receiver:
        location = reopen(configs={"notifications": {"webhook_url": receiver.url}})
        job = location.world.definitions.resolve_job_def(jobs.PRUNE)

        def cancel() -> None:
            location.instance.report_run_canceled(location.instance.create_run_for_job(job))

        (notice,) = told(location, cancel, receiver)
    assert "It was started by hand, so it is not asked for again." in notice["message"]


def test_a_cancelled_schedule_is_told_with_what_makes_up_for_it(reopen):
    with Receiver(200) as receiver:
        location = reopen(configs={"notifications": {"webhook_url": receiver.url}})
        job = location.world.definitions.resolve_job_def(jobs.PRUNE)
        tags = {"dagster/schedule_name": "prune_schedule"}

        def cancel() -> None:
            location.instance.report_run_canceled(location.instance.create_run_for_job(job, tags=tags))

        (notice,) = told(location, cancel, receiver)
    assert "Its schedule does not ask for it again; where hours are missing, catch-up does." in notice["message"]
