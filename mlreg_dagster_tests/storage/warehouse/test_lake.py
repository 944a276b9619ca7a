"""Tables in a lake: who waits for whom, what a killed writer leaves, and what is said when servers are away."""

import multiprocessing
import os
import random
import signal
import threading
import time
from contextlib import contextmanager
from itertools import count

import duckdb
import pytest
import sqlalchemy

from mlreg_dagster.config.section import ConfigError
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.storage.warehouse.lake import LakeConflict, LakeUnavailable, open_lake
from mlreg_dagster.storage.warehouse.lake.address import read_address
from mlreg_dagster.storage.warehouse.opening import warehouse_of
from mlreg_dagster.storage.warehouse.process_lock import WarehouseBusy
from mlreg_dagster_tests.postgres import running_server
from mlreg_dagster_tests.storage.warehouse.lake_writers import race
from mlreg_dagster_tests.storage.warehouse.lakes import lake_url
from mlreg_dagster_tests.storage.warehouse.sample_table import DAY, FIRST, READINGS, assert_stored, rows

pytestmark = pytest.mark.slow


def _files(lake):
    return lake.query("SELECT data_file FROM ducklake_list_files('lake', 'readings')")["data_file"].tolist()


@pytest.mark.parametrize("same", [False, True], ids=["own-hours", "same-hours"])
@pytest.mark.usefixtures("lake")
def test_writers_at_once_store_each_row_once(disk_lake, same):
    for _ in ("a new table", "rows that are there"):
        outcome = race(disk_lake, 3, 2, same=same, names=5)
        assert outcome.is_whole, outcome


def test_a_writer_killed_at_any_moment_leaves_old_or_new_rows_and_a_free_lock(disk_lake, lake):
    lake.write(READINGS, rows(DAY[:2], 50), DAY[:2])
    for _ in range(2):
        writer = multiprocessing.get_context("fork").Process(target=_write_without_end, args=(disk_lake,))
        writer.start()
        until = time.monotonic() + random.uniform(0.5, 1.5)
        while time.monotonic() < until:
            _assert_whole(lake)
        os.kill(writer.pid, signal.SIGKILL)
        killed = time.monotonic()
        writer.join()
        with lake.guard.writing("readings"):
            assert time.monotonic() - killed < 5
            _assert_whole(lake)


def _write_without_end(url):
    lake = warehouse_of(url)
    for price in count(random.randrange(1, 1_000_000)):
        lake.write(READINGS, rows(DAY[:1], 50, price), DAY[:1])


def _assert_whole(lake):
    first = lake.read(READINGS, DAY[0], DAY[0])
    assert (len(first), first["name"].nunique(), first["price"].nunique()) == (50, 50, 1)


def test_who_waits_too_long_for_a_table_is_told_by_whom_it_is_written_and_readers_do_not_wait(disk_lake, lake):
    lake.write(READINGS, rows(DAY), DAY)
    other = warehouse_of(disk_lake, lock_timeout_s=0.2)
    with lake.guard.writing("readings"):
        said = _in_a_thread(lambda: other.write(READINGS, rows(DAY[:1], price=2.0), DAY[:1]))
        read = _in_a_thread(lambda: other.read(READINGS))
    assert isinstance(said, WarehouseBusy)
    assert "table readings" in str(said)
    assert f" {os.getpid()} lock" in str(said)
    assert_stored(read, rows(DAY))


def test_a_thread_writes_on_within_a_lock_that_it_has_and_other_tables_are_free(lake):
    with lake.guard.writing("readings"):
        assert lake.write(READINGS, rows(DAY), DAY) == 72
        with lake.writing(READINGS):
            assert _in_a_thread(lambda: lake.guard.writing("others").__enter__()) is None


def test_threads_have_transactions_of_their_own(lake):
    lake.write(READINGS, rows(DAY), DAY)
    with lake.writing(READINGS) as connection:
        connection.begin()
        connection.execute("DELETE FROM readings")
        assert len(_in_a_thread(lambda: lake.read(READINGS))) == 72
        connection.rollback()
    assert_stored(lake.read(READINGS), rows(DAY))


def _in_a_thread(work):
    found = []

    def do():
        try:
            found.append(work())
        except Exception as error:  # noqa: BLE001 - it is what is looked at
            found.append(error)

    thread = threading.Thread(target=do)
    thread.start()
    thread.join()
    return found[0]


def test_a_range_is_one_file_and_a_replaced_hour_drops_its_own(lake):
    lake.write(READINGS, rows(DAY), DAY)
    assert len(_files(lake)) == 1
    hour = [DAY[-1] + HOUR]
    lake.write(READINGS, rows(hour), hour)
    before = _files(lake)
    lake.write(READINGS, rows(hour, price=2.0), hour)
    kept, replaced = set(before) & set(_files(lake)), set(before) - set(_files(lake))
    assert (len(kept), len(replaced), len(_files(lake))) == (1, 1, 2)


def test_nothing_outside_of_the_files_is_reached(lake, tmp_path):
    lake.write(READINGS, rows(DAY), DAY)
    with lake.connect() as connection:
        for sql in (
            "FROM read_text('/etc/hostname')",
            f"COPY readings TO '{tmp_path}/copy.parquet'",
            f"ATTACH '{tmp_path}/other.db'",
            "ATTACH 'host=/tmp' AS other (TYPE postgres)",
            "SET enable_external_access = true",
            "FROM 's3://bucket/file.parquet'",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(sql)


def test_tables_for_reading_are_of_one_moment_and_can_not_be_changed(lake):
    lake.write(READINGS, rows(DAY), DAY)
    with lake.look() as connection:
        assert connection.execute("SELECT count(*) FROM readings").fetchall() == [(72,)]
        _in_a_thread(lambda: lake.write(READINGS, rows(DAY[:1]), DAY))
        assert connection.execute("SELECT count(*) FROM readings").fetchall() == [(72,)]
        with pytest.raises(duckdb.Error, match="read-only"):
            connection.execute("DELETE FROM readings")
    assert len(lake.read(READINGS)) == 3


def test_statements_of_ones_own_follow_a_question_about_a_table(lake):
    assert lake.newest(READINGS) is None
    assert lake.query(f"SELECT * FROM {READINGS.name}").empty


def test_readers_and_writers_go_on_after_the_catalog_was_restarted(tmp_path):
    with running_server() as server:
        lake = warehouse_of(lake_url(server.url, tmp_path / "tables"))
        lake.write(READINGS, rows(DAY), DAY)
        server.stop()
        for use in (lambda: lake.read(READINGS), lambda: lake.write(READINGS, rows(DAY[:1]), DAY[:1]), lake.exists):
            with pytest.raises(LakeUnavailable, match="run"):
                use()
        server.start()
        assert_stored(lake.read(READINGS), rows(DAY))
        server.stop()
        server.start()
        lake.write(READINGS, rows(DAY[:1], price=2.0), DAY[:1])
        assert lake.read(READINGS)["price"].tolist() == [2.0] * 3 + [1.0] * 69


def test_a_write_whose_connections_are_lost_is_done_again(disk_lake, lake, monkeypatch):
    lake.write(READINGS, rows(DAY[:2]), DAY[:2])
    confirm, lost = lake.guard.confirm, []

    def lose(table):
        if not lost:
            lost.append(table)
            _end_sessions(disk_lake)
        confirm(table)

    monkeypatch.setattr(lake.guard, "confirm", lose)
    assert lake.write(READINGS, rows(DAY[:1], price=2.0), DAY[:1]) == 3
    assert lost
    assert lake.read(READINGS)["price"].tolist() == [2.0] * 3 + [1.0] * 3


def _end_sessions(url):
    with _catalog(url) as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )


@contextmanager
def _catalog(url):
    address = read_address(url).catalog.replace("postgresql:", "postgresql+psycopg:")
    engine = sqlalchemy.create_engine(address)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_a_writer_waits_for_a_commit_whose_writer_has_lost_its_lock(disk_lake, lake):
    lake.write(READINGS, rows(DAY[:1]), DAY[:1])
    other = warehouse_of(disk_lake, lock_timeout_s=0.2)
    with _catalog(disk_lake) as connection:
        connection.exec_driver_sql("LOCK TABLE ducklake_data_file IN ROW EXCLUSIVE MODE")  # as an INSERT takes it
        with pytest.raises(WarehouseBusy, match=r"storing a change for more than 0\.2 s, .* processes \[\d+\]"):
            other.write(READINGS, rows(DAY[:1], price=2.0), DAY[:1])
    other.write(READINGS, rows(DAY[:1], price=3.0), DAY[:1])
    assert lake.read(READINGS)["price"].tolist() == [3.0] * 3


@pytest.mark.parametrize("conflicts", [2, 3])
def test_a_write_that_meets_another_program_without_the_lock_is_done_again_a_few_times(lake, monkeypatch, conflicts):
    lake.write(READINGS, rows(DAY[:2]), DAY[:2])
    met = []

    def meet(_table):
        if len(met) < conflicts:
            met.append(_in_a_thread(lambda: lake.query("DELETE FROM readings WHERE hour = $hour", {"hour": DAY[0]})))
            _in_a_thread(lambda: _foreign(lake))

    monkeypatch.setattr(lake.guard, "confirm", meet)
    if conflicts == 3:
        with pytest.raises(LakeConflict, match="Nothing was stored"):
            lake.write(READINGS, rows(DAY[:1], price=2.0), DAY[:1])
    else:
        lake.write(READINGS, rows(DAY[:1], price=2.0), DAY[:1])
        assert lake.read(READINGS)["price"].tolist() == [2.0] * 3 + [1.0] * 3


def _foreign(lake):
    frame = rows(DAY[:1], price=9.0)
    with lake.connect() as connection:
        connection.register("foreign_rows", frame)
        connection.execute("INSERT INTO readings BY NAME FROM foreign_rows")


def test_a_moved_folder_of_files_is_an_error_that_names_both(disk_lake, lake, tmp_path):
    lake.write(READINGS, rows(DAY[:1]), DAY[:1])
    catalog, _, kept = disk_lake.partition("#")
    with pytest.raises(ConfigError, match=f"{tmp_path}/.* keeps its files in {kept}"):
        warehouse_of(f"{catalog}#{tmp_path}/elsewhere").read(READINGS)


def test_no_message_shows_the_password(postgres_server, tmp_path):
    wrong = sqlalchemy.make_url(postgres_server).set(
        drivername="postgresql", password="sehr-geheim", database="not_there"
    )
    away = "ducklake:postgresql://anna:sehr-geheim@127.0.0.1:1/lake"
    for address in (f"ducklake:{wrong.render_as_string(hide_password=False)}#{tmp_path}", f"{away}#{tmp_path}"):
        guard = open_lake(address, 1.0)
        with pytest.raises(LakeUnavailable) as told, guard.connect():
            pass
        assert "geheim" not in f"{told.value} {guard.place} {guard.address!r} {guard!r} {told.value.__cause__}"
    right = lake_url(postgres_server, tmp_path / "tables").replace("postgres@", "postgres:sehr-geheim@")
    with open_lake(right, 1.0).connect() as connection:
        shown = connection.execute("FROM duckdb_databases()").fetchall(), connection.execute("FROM duckdb_secrets()")
        assert "geheim" not in f"{shown[0]} {shown[1].fetchall()}"


def test_a_forked_process_uses_the_lake_and_leaves_its_parents_connection_alone(disk_lake, lake):
    lake.write(READINGS, rows(DAY[:1]), DAY[:1])
    with lake.session():
        child = multiprocessing.get_context("fork").Process(target=_write_once, args=(disk_lake,))
        child.start()
        child.join()
        assert child.exitcode == 0
        assert_stored(lake.read(READINGS), rows([FIRST, FIRST + HOUR]))
        lake.write(READINGS, rows(DAY[2:3]), DAY[2:3])
    assert len(lake.read(READINGS)) == 9


def _write_once(url):
    warehouse_of(url).write(READINGS, rows([FIRST + HOUR]), [FIRST + HOUR])
