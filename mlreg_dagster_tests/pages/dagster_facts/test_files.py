"""Dagster's files are read without Dagster and without a trace, beside processes that write them."""

import hashlib
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import dagster as dg
import pytest

from mlreg_dagster.core.names import ASSETS
from mlreg_dagster.orchestration.dagster_internals import dagster_files
from mlreg_dagster.orchestration.dagster_internals.dagster_database import UnknownStorage
from mlreg_dagster.orchestration.dagster_internals.dagster_files import ask
from mlreg_dagster.pages.dagster_facts.files import FilesFacts
from mlreg_dagster_tests.pages.recorded import HOURS, PICTURE, report

pytestmark = pytest.mark.pictures


@pytest.fixture
def home(recorded_home, tmp_path):
    """A copy of the recorded Dagster home."""
    return shutil.copytree(recorded_home / "dagster", tmp_path / "dagster")


def index_of(home):
    return home / "history" / "runs" / "index.db"


def contents(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def everything(facts):
    asked = [(facts.pictures(name), facts.materializations(name), facts.checks(name)) for name in ASSETS]
    return facts.assets(), asked, [facts.partitions(name) for name in ASSETS]


def left_by_a_killed_writer(home):
    """With a log that no process has taken over into the file."""
    insert = "INSERT INTO event_logs (run_id, event) VALUES ('r', '{}')"
    writes = f"c = sqlite3.connect({str(index_of(home))!r}); c.execute({insert!r}); c.commit()"
    code = f"import os, sqlite3; {writes}; os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert index_of(home).with_name("index.db-wal").stat().st_size


@pytest.mark.parametrize("left", [lambda _: None, left_by_a_killed_writer], ids=["closed", "killed"])
def test_no_byte_of_a_quiet_home_changes(home, left):
    left(home)
    before = contents(home)
    facts = FilesFacts(home)
    assets, _, partitions = everything(facts)
    assert facts.why is None
    assert "market_snapshot" in assets
    assert sum(each.materialized for each in partitions) > len(HOURS)
    assert contents(home) == before


def test_what_a_killed_writer_left_in_the_log_counts(home):
    with closing(sqlite3.connect(index_of(home))) as connection:
        known = connection.execute("SELECT count(*) FROM event_logs").fetchone()
    left_by_a_killed_writer(home)
    count = ask(index_of(home), lambda connection: connection.execute("SELECT count(*) FROM event_logs").fetchone())
    assert count == (known[0] + 1,)


def test_what_a_writer_has_just_committed_is_there(home, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    facts = FilesFacts(home)
    with dg.DagsterInstance.get() as instance:
        for number in range(5):
            report(instance, "weekly_report", f"w{number}", {"picture": dg.MetadataValue.md(PICTURE)})
            assert [each.partition for each in facts.pictured("weekly_report", 1)] == [f"w{number}"]
    assert facts.why is None


def test_readers_and_a_writer_that_opens_and_closes_do_not_hurt_each_other(home):
    """Each count that a reader gets is one that there was, and none goes back."""
    file, stop, counts = index_of(home), threading.Event(), []
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE counted (number INTEGER, padding TEXT)")

    def read():
        while not stop.is_set():
            counts.append(
                ask(file, lambda it: it.execute("SELECT count(*), coalesce(max(number), 0) FROM counted").fetchone())
            )

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 61):
        with closing(sqlite3.connect(file, timeout=30)) as connection, connection:
            connection.execute("INSERT INTO counted VALUES (?, ?)", (number, "x" * 20_000))
    stop.set()
    reader.join()
    assert all(count == highest for count, highest in counts)
    assert counts == sorted(counts)
    assert len(set(counts)) > 1


def test_a_writer_that_never_pauses_is_said_and_not_waited_for(home, monkeypatch):
    monkeypatch.setattr(dagster_files, "_PAUSE_S", 0)

    def question(_):
        index_of(home).touch()

    with pytest.raises(UnknownStorage, match="written without a pause"):
        ask(index_of(home), question)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("storage: {postgres: {postgres_url: 'postgresql://nowhere/none'}}", "not a folder of SQLite files"),
        ("run_storage: {module: mine, class: Mine}", "not a folder of SQLite files"),
        ("storage: [", "can't be read"),
    ],
)
def test_another_storage_is_said_and_nothing_is_guessed(home, config, reason):
    (home / "dagster.yaml").write_text(config)
    facts = FilesFacts(home)
    assert everything(facts)[0] == ()
    assert reason in facts.why
    assert "dagster_url in pages.yaml" in facts.why


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE alembic_version SET version_num = 'later'",
        "UPDATE event_logs SET event = replace(event, 'metadata_entries', 'entries')",
        "DROP TABLE asset_keys",
    ],
)
def test_another_schema_is_said_and_nothing_is_guessed(home, damage):
    with closing(sqlite3.connect(index_of(home))) as connection, connection:
        connection.execute(damage)
    facts = FilesFacts(home)
    assert facts.pictures("market_snapshot") == []
    assert facts.why


def test_a_log_without_its_index_is_said(home):
    left_by_a_killed_writer(home)
    index_of(home).with_name("index.db-shm").unlink()
    facts = FilesFacts(home)
    assert facts.assets() == ()
    assert "was not closed" in facts.why


def test_before_any_run_there_is_nothing_and_nothing_is_made(tmp_path):
    facts = FilesFacts(tmp_path)
    assert facts.assets() == ()
    assert "no Dagster home yet" in facts.why
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert everything(FilesFacts(tmp_path))[0] == ()
    assert [path.name for path in tmp_path.iterdir()] == ["dagster.yaml"]


def test_a_planned_check_follows_from_its_run(home):
    with closing(sqlite3.connect(index_of(home))) as connection, connection:
        of_asset = """SELECT run_id FROM asset_check_executions WHERE asset_key = '["evaluated_model"]'"""
        [run, *_] = connection.execute(of_asset).fetchone()
        connection.execute("UPDATE asset_check_executions SET execution_status = 'PLANNED'")
    statuses = {}
    for status in ("STARTED", "FAILURE", "CANCELED"):
        with closing(sqlite3.connect(home / "history" / "runs.db")) as connection, connection:
            connection.execute("UPDATE runs SET status = ? WHERE run_id = ?", (status, run))
        statuses[status] = {each.status for each in FilesFacts(home).checks("evaluated_model")}
    assert statuses == {"STARTED": {"IN_PROGRESS"}, "FAILURE": {"EXECUTION_FAILED"}, "CANCELED": {"SKIPPED"}}


def test_a_check_of_a_range_is_the_result_of_its_run_for_each_of_its_partitions(home):
    results = [(each.name, each.status, each.text) for each in FilesFacts(home).checks("evaluated_model", "v1")]
    columns = "asset_key, check_name, run_id, create_timestamp"
    with closing(sqlite3.connect(index_of(home))) as connection, connection:
        connection.execute("UPDATE asset_check_executions SET partition = NULL")
        connection.execute(
            f"INSERT INTO asset_check_executions ({columns}, partition, execution_status) "
            f"SELECT {columns}, 'v1', 'PLANNED' FROM asset_check_executions"
        )
    found = FilesFacts(home).checks("evaluated_model", "v1")
    assert [(each.name, each.status, each.text) for each in found] == results
    assert {each.partition for each in found} == {"v1"}


def test_dagster_is_not_imported(recorded_home):
    code = (
        "import sys; from pathlib import Path; from mlreg_dagster.pages.dagster_facts.finding import dagster_facts; "
        f"facts = dagster_facts(Path({str(recorded_home / 'dagster')!r})); assert facts.pictures('market_snapshot'); "
        "print({'dagster', 'pandas', 'sqlalchemy', 'httpx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
