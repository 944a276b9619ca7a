"""Dagster's own storage, the command and the job."""

import os
import sys
import time

import dagster as dg
import pandas as pd
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickData, TickStatus

from mlreg_dagster import cli, jobs
from mlreg_dagster.operations.retention.jobs import all_tasks
from mlreg_dagster.runner import Runner
from mlreg_dagster_tests.lifecycle import START, write_configs
from mlreg_dagster_tests.operations.conftest import NOW
from mlreg_dagster_tests.operations.retention.homes import DAY, record_run, write_file

# --- Dagster's own storage -----------------------------------------------------------------------------------


@pytest.fixture
def ran(dagster_home, own_home, tmp_path, monkeypatch):  # noqa: ARG001
    """Two runs of a market that live on disk, one of an hour, one that failed."""
    monkeypatch.setenv("MLREG_CONFIG_DIR", str(write_configs(tmp_path / "configs")))
    with dg.DagsterInstance.get() as instance:
        runner = Runner(instance)
        runner.run_hours(jobs.MARKET, pd.date_range(START, periods=2, freq="h", unit="us"))
        yield runner


def test_step_logs_of_old_runs_go_and_what_they_made_is_still_known(ran, dagster_home):
    home, instance = home_of_runner(ran), ran.instance
    (run,) = instance.get_run_records()
    shard = dagster_home / "history" / "runs" / f"{run.dagster_run.run_id}.db"
    asset, kind = dg.AssetKey("market_features"), dg.DagsterEventType.ASSET_MATERIALIZATION
    made = instance.get_latest_storage_id_by_partition(asset, kind)
    records = instance.fetch_materializations(asset, limit=5).records
    assert len(made) == 2
    for days in (30, 60, 89):
        record_run(instance, NOW + days * DAY)
    assert [task.name for task in all_tasks(home, ran.settings, instance, NOW + 89 * DAY)] == []
    record_run(instance, NOW + 91 * DAY)
    (task,) = all_tasks(home, ran.settings, instance, NOW + 91 * DAY)
    assert (task.name, task.found) == ("step logs", "of 1 runs")
    assert shard.exists()
    task.do()
    task.do()
    assert not shard.exists()
    assert instance.get_run_records()[-1].dagster_run == run.dagster_run
    assert instance.get_latest_storage_id_by_partition(asset, kind) == made
    assert instance.fetch_materializations(asset, limit=5).records == records
    with dg.DagsterInstance.get() as later:
        assert later.all_logs(run.dagster_run.run_id) == []
    assert list(all_tasks(home, ran.settings, instance, NOW + 91 * DAY)) == [] or shard.exists()


def home_of_runner(runner):
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.operations.retention.jobs import open_home

    resources = runner.definitions.resources
    return open_home(
        home_dir(), *(resources[name].value for name in ("mlreg_warehouse", "mlreg_artifacts", "mlreg_registry"))
    )


def test_logs_of_runs_that_the_registry_names_stay(ran, monkeypatch):
    home = home_of_runner(ran)
    (run,) = ran.instance.get_run_records()
    for days in (30, 60, 91):
        record_run(ran.instance, NOW + days * DAY)
    monkeypatch.setattr("mlreg_dagster.operations.retention.jobs._runs_on_record", lambda _: {run.dagster_run.run_id})
    assert list(all_tasks(home, ran.settings, ran.instance, NOW + 91 * DAY)) == []


def test_the_registry_names_the_runs_that_wrote_it(live):
    from mlreg_dagster.operations.retention.jobs import _runs_on_record

    named = _runs_on_record(live.registry)
    assert {version.run_id for version in live.registry.versions()} < named
    assert {move.run_id for move in live.registry.history("champion")} < named
    assert {live.registry.latest_evaluation("v3").run_id} < named


def test_old_ticks_go_but_for_the_newest(ran):
    instance = ran.instance
    repository = ran.definitions.get_repository_def()
    from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteRepositoryOrigin
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(python_file="x.py"), location_name="x")
    origin = RemoteRepositoryOrigin(location, repository.name).get_instigator_origin("catch_up_sensor")
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING)
    instance.add_instigator_state(state)
    ids = (state.instigator_origin_id, state.selector_id)
    for days in (50, 40, 35):
        when = (NOW - days * DAY).timestamp()
        instance.create_tick(TickData(ids[0], "catch_up_sensor", InstigatorType.SENSOR, TickStatus.SKIPPED, when,
                                      selector_id=ids[1]))  # fmt: skip
    now = pd.Timestamp.now(tz="UTC")
    (task,) = all_tasks(home_of_runner(ran), ran.settings, instance, now)
    assert task.name == "ticks"
    task.do()
    (left,) = instance.get_ticks(*ids)
    assert left.timestamp == pytest.approx((NOW - 35 * DAY).timestamp())
    assert list(all_tasks(home_of_runner(ran), ran.settings, instance, now)) == []


# --- the command and the job ---------------------------------------------------------------------------------


def _mlreg(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["mlreg", *arguments])
    monkeypatch.setattr(cli.console, "width", 240)
    try:
        cli.main()
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    return code, capsys.readouterr().out


def test_the_commands(ran, own_home, monkeypatch, capsys):
    code, said = _mlreg(monkeypatch, capsys, "doctor")
    assert "table market_snapshot" in said
    assert code == (1 if "MISS" in said else 0)
    assert _mlreg(monkeypatch, capsys, "prune") == (0, "Nothing is to be cleared away.\n")
    old = own_home / "warehouse.new"
    old.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    code, said = _mlreg(monkeypatch, capsys, "doctor")
    assert (code, "mlreg prune" in said) == (1, True)
    would = (0, "Would clear away drafts: 1 left by processes that died.\n")
    assert _mlreg(monkeypatch, capsys, "prune", "--dry-run") == would
    assert old.exists()
    assert _mlreg(monkeypatch, capsys, "prune") == (0, would[1].replace("Would clear", "Cleared"))
    assert not old.exists()
    (run,) = ran.instance.get_run_records(dg.RunsFilter(job_name=jobs.PRUNE))
    assert run.dagster_run.status == dg.DagsterRunStatus.SUCCESS
    said = [entry.user_message for entry in ran.instance.all_logs(run.dagster_run.run_id)]
    assert "Cleared away: drafts, 1 left by processes that died." in said


def test_the_doctor_makes_no_home(own_home, monkeypatch, capsys):
    code, said = _mlreg(monkeypatch, capsys, "doctor")
    assert (code, "There is no home" in said) == (1, True)
    assert not own_home.exists()


def test_the_schedule_is_off_until_a_person_wants_it(live):
    schedule = live.definitions.get_repository_def().get_schedule_def("prune_schedule")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED


def test_the_logs_of_runs_that_decided_something_stay(live):
    live.run("reject", {"ops": {"record_rejection": {"config": {"version": "v1", "reason": "a test wants it"}}}})
    (decision,) = live.registry.decisions("v1")
    from mlreg_dagster.operations.retention.jobs import _runs_on_record

    assert decision.run_id
    assert decision.run_id in _runs_on_record(live.registry)


def test_a_run_id_that_is_a_path_leads_nowhere(ran, dagster_home, tmp_path):
    from mlreg_dagster.orchestration.instance.cleanup import remove_logs

    precious = write_file(dagster_home / "history" / "precious.db")
    remove_logs(ran.instance, ["../precious", str(tmp_path), ""])
    assert precious.exists()
    assert (dagster_home / "history" / "runs").exists()
