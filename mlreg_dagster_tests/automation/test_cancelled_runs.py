"""Runs that a person cancels or that never start: told, asked for again after a pause, so many times, and by hand."""

import dagster as dg
import pytest
import sqlalchemy

from mlreg_dagster import jobs
from mlreg_dagster.automation.common import ACTOR
from mlreg_dagster.core.hours import as_hour, hour_range
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING
from mlreg_dagster_tests.automation.cancelling import HOURS_DUE, cancelled, made
from mlreg_dagster_tests.first_day import FIRST_DAY_OVER
from mlreg_dagster_tests.location import CONFIGS, Location

pytestmark = pytest.mark.slow


def works(reopen, candidates, what: str) -> tuple[Location, str]:
    """A location in which a sensor asks for one piece of work, and the name of the sensor."""
    if what == "promotion":
        return candidates(), "promote_sensor"
    if what == "hours":
        return reopen(HOURS_DUE), "catch_up_sensor"
    location = reopen(configs={"model": {"seed": 5}} if what == "training" else None)
    if what == "datasets":
        location.thaw(TRAINING, HOLDOUT)
    if what == "performance":
        location.materialize("prediction_outcomes", "2026-01-01-20:00")
    return location, "retrain_sensor" if what == "training" else "days_sensor"


WORKS = ("hours", "datasets", "performance", "training", "promotion")


@pytest.mark.parametrize("what", WORKS)
def test_work_that_was_cancelled_is_asked_for_again_after_a_pause_and_only_so_often(reopen, candidates, later, what):
    location, sensor = works(reopen, candidates, what)
    for number in range(1, 4):
        later(minutes=61 * (number - 1))
        (run,) = cancelled(location, sensor)
        with location.instance.run_storage.connect() as connection:  # each was cancelled when it was asked for
            sql = "UPDATE runs SET end_time = end_time + :s, update_timestamp = datetime('now', :by) WHERE run_id = :id"
            shift = {"s": 3660 * (number - 1), "by": f"+{61 * (number - 1)} minutes", "id": run.run_id}
            connection.execute(sqlalchemy.text(sql), shift)
        answer = location.ask(sensor)
        assert not answer.run_requests
        assert f"{run.run_id[:8]} of {run.job_name} was cancelled" in answer.skip_message
        if number < 3:
            assert "it is asked for again at 20" in answer.skip_message
            later(minutes=61 * (number - 1) + 58)
            assert not location.ask(sensor).run_requests
    assert "number 3 in a row; it is not asked for again" in answer.skip_message
    later(days=3)
    answer = location.ask(sensor)
    assert not answer.run_requests
    assert "was cancelled, number 3 in a row; it is not asked for again by itself. Re-execute it" in answer.skip_message


@pytest.mark.parametrize("what", ["hours", "promotion"])
def test_work_that_is_asked_for_again_is_done(reopen, candidates, later, what):
    location, sensor = works(reopen, candidates, what)
    assert cancelled(location, sensor)
    later(minutes=61)
    (done,) = location.tick(sensor)
    assert not done.endswith("failed")
    later(days=1)
    assert location.tick(sensor) == []


@pytest.mark.parametrize("what", ["datasets", "training", "promotion"])
def test_a_re_execution_by_hand_counts(reopen, candidates, later, what):
    """The UI gives it the tags of the run that it repeats."""
    location, sensor = works(reopen, candidates, what)
    (run,) = cancelled(location, sensor)
    definition = location.world.definitions.resolve_job_def(run.job_name)
    again = location.instance.create_run_for_job(
        definition, run_config=run.run_config, tags=run.tags, parent_run_id=run.run_id, root_run_id=run.run_id,
        status=dg.DagsterRunStatus.STARTED,
    )  # fmt: skip
    later(minutes=25)
    assert "is under way" in location.ask(sensor).skip_message
    location.instance.report_run_failed(again)
    later(days=1)
    assert "failed; it is not tried again by itself" in location.ask(sensor).skip_message


def test_work_that_was_done_and_is_lost_is_asked_for_again_but_not_for_ever(reopen):
    location = reopen()
    for _ in range(2):  # the first time was in the past
        location.thaw(TRAINING, HOLDOUT)
        assert location.tick("days_sensor") == ["datasets 2026-01-01"]
    location.thaw(TRAINING, HOLDOUT)
    answer = location.ask("days_sensor")
    assert not answer.run_requests
    assert "has done it, and it is missing again" in answer.skip_message


def test_work_done_by_hand_is_not_asked_for_again(reopen, later):
    location = reopen(configs={"model": {"seed": 5}})
    location.thaw(TRAINING, HOLDOUT)
    assert [run.job_name for run in cancelled(location, "days_sensor")] == [jobs.DATASETS]
    location.world.run_partition(jobs.DATASETS, "2026-01-01")
    assert cancelled(location, "retrain_sensor")
    location.world.train({"model": "model"})
    later(hours=2)
    assert location.ask("days_sensor").skip_message == "The 1 complete days that are watched are done."
    assert "Nothing is due" in location.ask("retrain_sensor").skip_message


def test_other_hours_do_not_wait_for_those_that_were_cancelled(reopen):
    location = reopen(HOURS_DUE)
    assert cancelled(location, "catch_up_sensor")
    location.materialize("predictions", "2026-01-01-07:00")
    requests = location.ask("catch_up_sensor").run_requests
    assert [request.job_name for request in requests] == [jobs.OUTCOMES, jobs.REASONS]


def test_an_hour_of_the_schedule_that_was_cancelled_is_left_alone_for_the_pause(reopen, later):
    location = reopen(HOURS_DUE)
    location.world.run_hours(jobs.HOURLY, hour_range(as_hour("2026-01-02"), as_hour("2026-01-02")))
    run = made(location, dg.RunRequest(partition_key="2026-01-02-01:00"), jobs.HOURLY, "hourly_schedule")
    location.instance.report_run_canceled(run)
    assert "was cancelled; it is asked for again at" in location.ask("catch_up_sensor").skip_message
    later(minutes=61)
    assert location.tick("catch_up_sensor") == ["hourly 2026-01-02-01:00...2026-01-02-01:00"]


def test_a_training_that_was_cancelled_before_its_evaluation_is_evaluated(reopen, later):
    location = reopen(configs={"model": {"seed": 5}})
    answer = location.ask("retrain_sensor")
    (request,) = answer.run_requests
    location.instance.add_dynamic_partitions("model_version", answer.dynamic_partitions_requests[0].partition_keys)
    config = {"ops": {"candidate_model": request.run_config["ops"]["candidate_model"]}}
    trained = dg.RunRequest(request.run_key, partition_key=request.partition_key, run_config=config)
    assert location.start(trained, jobs.TRAIN) == "train v2"
    run = location.instance.get_run_by_id(location.world.registry.version("v2").run_id)
    location.instance.report_run_canceled(run)
    assert "Evaluation of v2: " in location.ask("retrain_sensor").skip_message
    later(minutes=61)
    assert location.tick("retrain_sensor") == ["evaluate v2"]
    assert location.world.registry.latest_evaluation("v2").actor == ACTOR
    later(days=1)
    assert location.tick("retrain_sensor") == []
    assert location.versions() == ["v1", "v2"]


def test_an_older_version_does_not_take_the_place_of_one_whose_promotion_was_cancelled(candidates):
    location = candidates()
    (run,) = cancelled(location, "promote_sensor")
    assert run.run_config["ops"]["champion_model"]["config"]["version"] == "v2"
    assert "v2 may become champion, but: " in location.ask("promote_sensor").skip_message


# --- runs that never start ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING"])
def test_a_run_that_never_started_holds_nothing_up_and_is_cancelled(reopen, later, status):
    location = reopen(HOURS_DUE)
    (request,) = location.ask("catch_up_sensor").run_requests
    run = made(location, request, jobs.HOURLY, "catch_up_sensor", status)
    assert location.ask("catch_up_sensor").skip_message == f"Run {run.run_id[:8]} of hourly is under way."
    assert "have started" in location.ask("never_started_sensor").skip_message
    later(minutes=6)
    assert location.ask("catch_up_sensor").run_requests  # before the sweep, too
    assert run.run_id in location.ask("never_started_sensor").skip_message
    assert location.instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.CANCELED
    assert "was cancelled; it is asked for again at" in location.ask("catch_up_sensor").skip_message
    later(minutes=61)
    assert location.tick("catch_up_sensor") == ["hourly 2026-01-02-00:00...2026-01-02-01:00"]


def test_a_run_in_the_queue_is_waited_for_however_long(reopen, later):
    location = reopen(HOURS_DUE)
    (request,) = location.ask("catch_up_sensor").run_requests
    made(location, request, jobs.HOURLY, "catch_up_sensor", "QUEUED")
    later(hours=5)
    assert "have started" in location.ask("never_started_sensor").skip_message
    assert "is in the queue, until a slot is free" in location.ask("catch_up_sensor").skip_message


def test_runs_of_other_code_locations_are_left_alone(reopen, later):
    @dg.job
    def of_somebody_else():
        pass

    location = reopen()
    run = location.instance.create_run_for_job(of_somebody_else, status=dg.DagsterRunStatus.NOT_STARTED)
    later(hours=1)
    location.ask("never_started_sensor")
    assert location.instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.NOT_STARTED


# --- why nothing is asked for ----------------------------------------------------------------------------------


def test_a_failed_promotion_is_no_silent_skip(candidates):
    location = candidates()
    (request,) = location.ask("promote_sensor").run_requests
    location.world.promote("v1")
    assert location.start(request, jobs.PROMOTE) == "promote None failed"
    answer = location.ask("promote_sensor")
    assert answer.run_requests or answer.skip_message


def test_a_day_whose_datasets_can_t_be_frozen_yet_says_why(reopen):
    datasets = {"history_hours": 25, "holdout_hours": 8, "min_training_hours": 17, "min_holdout_hours": 8}
    location = reopen(configs={"datasets": datasets})
    location.thaw(TRAINING, HOLDOUT)
    said = location.ask("days_sensor").skip_message
    assert "datasets 2026-01-01: Its training window has features for 16 hours; min_training_hours in" in said
    location = reopen(name="repaired")
    location.thaw(TRAINING, HOLDOUT)
    location.materialize("market_snapshot", "2026-01-01-22:00")
    assert "their features wait for the follow-up" in location.ask("days_sensor").skip_message


def test_datasets_that_failed_say_so_at_every_look(reopen):
    location = reopen()
    location.thaw(TRAINING, HOLDOUT)
    (request,) = location.ask("days_sensor").run_requests
    run = made(location, request, jobs.DATASETS, "days_sensor")
    location.instance.report_run_failed(run)
    said = location.ask("days_sensor").skip_message
    assert f"Run {run.run_id[:8]} of datasets failed; it is not tried again by itself." in said


def test_before_the_first_hour_has_ended_the_sensors_say_so(tmp_path):
    location = Location(tmp_path / "young", "2026-01-01T00:10")
    assert location.ask("catch_up_sensor").skip_message == "No hour of the market has ended yet."
    assert "0 hours are watched" in location.ask("days_sensor").skip_message


def test_datasets_wait_for_a_bad_day_to_be_repaired_until_the_deadline(reopen):
    """The wait is no failed run: the sensor says at every look what it waits for."""
    datasets = {**CONFIGS["datasets"], "low_quality": "wait", "quality": {"wait_hours": 6}}
    late = "2026-01-02T06:00"
    for name, now, repaired in (
        ("bad", FIRST_DAY_OVER, False),
        ("repaired", FIRST_DAY_OVER, True),
        ("late", late, False),
    ):
        location = reopen(now, {"datasets": datasets}, name)
        location.thaw(TRAINING, HOLDOUT)
        if not repaired:
            with location.world.warehouse.connect() as connection:
                connection.execute(
                    "UPDATE market_features SET slog_volume_24h = NULL WHERE hour(hour) BETWEEN 4 AND 15"
                )
        answer = location.ask("days_sensor")
        asked = [run.job_name for run in answer.run_requests or []]
        if name == "bad":
            assert jobs.DATASETS not in asked
            assert "The training window" in answer.skip_message
            assert "they are left out from 2026-01-02 06:00 UTC on, unless they are repaired" in answer.skip_message
        else:
            assert jobs.DATASETS in asked
    assert not location.failed_runs()
