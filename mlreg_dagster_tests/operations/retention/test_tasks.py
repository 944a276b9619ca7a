"""What the policy says may go goes, and nothing else."""

import os
import sys
import time

import dagster as dg
import pandas as pd
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickData, TickStatus
from dagster._core.storage.runs.schema import RunsTable

from mlreg_dagster import cli, jobs
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.operations.retention.jobs import all_tasks
from mlreg_dagster.operations.retention.tasks import retention_tasks
from mlreg_dagster.outcomes.schema import MODEL_PERFORMANCE, PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.runner import Runner
from mlreg_dagster_tests.faults.home import HOURS, noisy
from mlreg_dagster_tests.lifecycle import END, START, write_configs
from mlreg_dagster_tests.operations.conftest import NOW, content_of
from mlreg_dagster_tests.storage.warehouse.sample_table import READINGS

DAY = pd.Timedelta(days=1)


def _keeping(settings, **days):
    """Settings with another policy; few enough hours are in use for a policy of days."""
    short = {"ingest": {"catch_up_hours": 1}, "datasets": {"history_hours": 24, "holdout_hours": 8,
             "min_training_hours": 1, "min_holdout_hours": 1}, "outcomes": {"horizon_hours": 2}}  # fmt: skip
    retention = settings.retention.model_copy(update=days)
    return settings.override(short).model_copy(update={"retention": retention})


def _hours(world, table):
    return world.warehouse.read(table, columns=[table.partition_column]).iloc[:, 0]


def _do(*found):
    for task in found:
        task.do()


def test_by_default_nothing_that_anyone_may_ask_about_goes(home, live):
    home.landing.land("coingecko", "coins_markets", START, b"[]", START)
    before = content_of(home.folder)
    assert [task.name for task in retention_tasks(home, live.settings, NOW)] == []
    assert {name: sha for name, sha in content_of(home.folder).items() if "lock" not in name} == {
        name: sha for name, sha in before.items() if "lock" not in name
    }


def test_old_rows_of_the_market_go_and_the_rest_stays(home, live):
    features = features_table(live.settings.features)
    kept = {table.name: live.warehouse.read(table) for table in (PREDICTIONS, PREDICTION_OUTCOMES, MODEL_PERFORMANCE)}
    bundles = content_of(home.folder / "artifacts")
    settings = _keeping(live.settings, snapshot_days=3, feature_days=1, compact_free_share=1.0)
    for task in retention_tasks(home, settings, NOW):
        task.do()
        task.do()  # again: it changes nothing
    newest = END - HOUR
    assert _hours(live, MARKET_SNAPSHOT).min() == newest - 3 * DAY
    assert _hours(live, features).min() == newest - DAY
    assert _hours(live, features).max() == newest
    for table in (PREDICTIONS, PREDICTION_OUTCOMES, MODEL_PERFORMANCE):
        assert live.warehouse.read(table).equals(kept[table.name])
    assert content_of(home.folder / "artifacts") == bundles
    assert list(retention_tasks(home, settings, NOW)) == []


def test_what_was_pruned_is_no_finding(home, live, findings):
    _do(*retention_tasks(home, _keeping(live.settings, snapshot_days=3, feature_days=1), NOW))
    assert {name for name, finding in findings().items() if finding.state == "miss"} <= {"disk"}


def test_a_dry_look_does_nothing(home, live):
    settings = _keeping(live.settings, snapshot_days=3, feature_days=3)
    before = live.warehouse.read(MARKET_SNAPSHOT)
    assert [(task.name, task.found) for task in retention_tasks(home, settings, NOW)] == [
        ("rows of market_features", "71 hours up to 2026-01-03 22:00"),
        ("rows of market_snapshot", "71 hours up to 2026-01-03 22:00"),
    ]
    assert live.warehouse.read(MARKET_SNAPSHOT).equals(before)


def test_payloads_go_once_their_hour_is_stored_but_for_the_newest(home, live):
    def land(kind, hour):
        return home.landing.land("coingecko", kind, hour, b"[]", hour)

    stored, young, never = START + HOUR, END - 2 * HOUR, START - HOUR
    paths = {name: land("coins_markets", hour) for name, hour in
             {"stored": stored, "again": stored, "young": young, "never stored": never}.items()}  # fmt: skip
    paths["newest of its kind"] = land("market_chart_range", START)
    settings = _keeping(live.settings, raw_days=2)
    (task,) = retention_tasks(home, settings, NOW)
    assert (task.name, task.found) == ("raw payloads", "of 1 hours")
    task.do()
    assert {name for name, path in paths.items() if path.exists()} == {"young", "never stored", "newest of its kind"}
    assert not paths["stored"].parent.exists()
    assert home.landing.read(paths["never stored"]) == b"[]"


def test_drafts_of_dead_processes_go(home, live):
    old, young = home.folder / "warehouse.new", home.folder / "warehouse.compacted.new"
    staging = home.folder / "artifacts" / ".staging"
    staging.mkdir()
    for path in (old, young):
        path.write_bytes(b"half")
    for path in (old, staging):
        os.utime(path, (time.time() - 7200,) * 2)
    _do(*retention_tasks(home, live.settings, NOW))
    assert (old.exists(), staging.exists(), young.exists()) == (False, False, True)


def test_free_room_goes(home, live):
    live.warehouse.write(READINGS, noisy(HOURS, names=4000), HOURS)
    live.warehouse.write(READINGS, READINGS.empty(), HOURS)
    (task,) = retention_tasks(home, live.settings, NOW)
    assert (task.name, str(home.warehouse.path) in task.found) == ("free room", True)
    task.do()
    assert list(retention_tasks(home, live.settings, NOW)) == []


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


def record_run(instance, when):
    """A run without steps that was recorded at a time of the machine's clock."""
    run = instance.create_run_for_job(dg.GraphDefinition(name=jobs.TRAIN).to_job())
    with instance.run_storage.connect() as connection:
        at = {"create_timestamp": when.tz_localize(None).to_pydatetime()}
        connection.execute(RunsTable.update().where(RunsTable.c.run_id == run.run_id).values(**at))


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


# --- what is not ours ----------------------------------------------------------------------------------------


def _aged(*paths):
    for path in paths:
        os.utime(path, (time.time() - 7200,) * 2, follow_symlinks=False)


def _write(path, content=b"precious"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_what_people_put_into_a_home_stays(home, live, tmp_path):
    folder, outside = home.folder, _write(tmp_path / "outside" / "precious.txt").parent
    theirs = [
        _write(folder / "audit.newest.jsonl"),
        _write(folder / "notes.tmp"),
        _write(folder / "my.newsletters" / "a"),
        _write(folder / "warehouse.new.backup"),
        _write(folder / "old.compacted.new"),
        _write(folder / "bundles" / "thesis.draft"),
        _write(folder / "bundles" / ".v1.draft" / "notes.txt"),
        _write(folder / "bundles" / ".v2.draft" / "more" / "card.html"),
        _write(folder / "artifacts" / ".staging" / "more" / "weights"),
        _write(folder / "raw" / "coingecko" / "coins_markets" / "2026-01-05" / "05" / ".mine.part"),
        _write(folder / "warehouse.duckdb.tmp" / "diary.txt"),
        _write(folder / "dagster" / "history" / "runs" / "mine.new"),
    ]
    links = {
        folder / "linked.draft": outside,
        folder / "warehouse.new": outside / "precious.txt",
        folder / "bundles" / ".v3.draft": outside,
        folder / "dagster" / "dagster.draft": outside / "precious.txt",
        folder / "warehouse.compacted.new.tmp": outside,
    }
    for link, to in links.items():
        link.symlink_to(to)
    _aged(*theirs, *links, *(path.parent for path in theirs), outside)
    assert list(retention_tasks(home, live.settings, NOW)) == []
    assert all(path.read_bytes() == b"precious" for path in theirs)
    assert all(link.is_symlink() for link in links)


def test_everything_that_we_leave_behind_is_known(home, live):
    ours = [
        _write(home.folder / "warehouse.new"),
        _write(home.folder / "warehouse.new.wal"),
        _write(home.folder / "warehouse.compacted.new"),
        _write(home.folder / "artifacts" / ".staging" / "model.onnx").parent,
        _write(home.folder / "bundles" / ".v1.draft" / "card.html").parent,
        _write(home.folder / "bundles" / ".v1.old" / "SHA256SUMS").parent,
        _write(home.folder / "dagster" / "dagster.draft"),
        _write(home.folder / "dagster" / "history" / "runs" / "0f1f3a52-3d43-4fd1-9a5c-0f1f3a523d43.77.new"),
        _write(home.folder / "warehouse.duckdb.tmp" / "duckdb_temp_storage_DEFAULT-0.tmp").parent,
    ]
    landed = home.landing.land("coingecko", "coins_markets", START, b"[]", START)
    ours.append(_write(landed.with_name(f".{landed.name}.part")))
    _aged(*ours)
    (task,) = retention_tasks(home, live.settings, NOW)
    assert task.found == f"{len(ours)} left by processes that died"
    task.do()
    assert [path for path in ours if path.exists()] == []
    assert landed.exists()


def test_payloads_go_through_no_link_and_leave_what_is_not_theirs(home, live, tmp_path):
    outside = tmp_path / "outside"
    kind = home.folder / "raw" / "coingecko" / "coins_markets"
    landed = home.landing.land("coingecko", "coins_markets", START, b"[]", START)
    home.landing.land("coingecko", "coins_markets", END, b"[]", END)
    note = _write(landed.parent / "note.txt")
    precious = [
        _write(outside / "hour" / landed.name),
        _write(outside / "day" / "07" / landed.name),
        _write(outside / "kind" / "2026-01-02" / "05" / landed.name),
        _write(outside / "source" / "coins_markets" / "2026-01-02" / "05" / landed.name),
    ]
    links = {
        kind / f"{START:%Y-%m-%d}" / "05": outside / "hour",
        kind / "2026-01-02": outside / "day",
        kind.with_name("linked_kind"): outside / "kind",
        kind.parent.with_name("linked_source"): outside / "source",
    }
    for link, to in links.items():
        link.symlink_to(to)
    _do(*retention_tasks(home, _keeping(live.settings, raw_days=1), NOW))
    assert not landed.exists()
    assert note.exists()
    assert all(path.exists() for path in precious)
    assert all(link.is_symlink() for link in links)
    assert list(retention_tasks(home, _keeping(live.settings, raw_days=1), NOW)) == []


def test_the_logs_of_runs_that_decided_something_stay(live):
    live.run("reject", {"ops": {"record_rejection": {"config": {"version": "v1", "reason": "a test wants it"}}}})
    (decision,) = live.registry.decisions("v1")
    from mlreg_dagster.operations.retention.jobs import _runs_on_record

    assert decision.run_id
    assert decision.run_id in _runs_on_record(live.registry)


def test_a_run_id_that_is_a_path_leads_nowhere(ran, dagster_home, tmp_path):
    from mlreg_dagster.orchestration.instance.cleanup import remove_logs

    precious = _write(dagster_home / "history" / "precious.db")
    remove_logs(ran.instance, ["../precious", str(tmp_path), ""])
    assert precious.exists()
    assert (dagster_home / "history" / "runs").exists()
