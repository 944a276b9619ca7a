import json
import random
import signal
import statistics
import sys
import threading
import time
from itertools import count
from multiprocessing import get_context

import duckdb
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.storage.faults import StorageDamaged
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.guarded_file import WarehouseBusy
from mlreg_dagster_tests.storage.warehouse.sample_table import DAY, FIRST, READINGS, assert_stored, rows
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for

PROCESSES = get_context("spawn" if sys.platform == "win32" else "forkserver")
if sys.platform != "win32":
    PROCESSES.set_forkserver_preload([__name__])  # else each process imports pandas again


def test_a_session_keeps_others_out_and_sees_what_it_wrote(warehouse):
    other = DuckDBWarehouse(warehouse.path, lock_timeout_s=0.2)
    with warehouse.session() as tables:
        tables.write(READINGS, rows(DAY[:2]), DAY[:2])
        with tables.session():  # one within another is the same one
            assert_stored(tables.read(READINGS), rows(DAY[:2]))
        with pytest.raises(WarehouseBusy):
            other.read(READINGS)
        assert tables.newest(READINGS) == DAY[1]
    assert_stored(other.read(READINGS), rows(DAY[:2]))


def test_one_that_stays_open_keeps_others_out_from_its_first_use_until_it_lets_go(warehouse):
    warehouse.write(READINGS, rows(DAY), DAY)
    staying, other = (
        DuckDBWarehouse(warehouse.path, stay_open=True),
        DuckDBWarehouse(warehouse.path, lock_timeout_s=0.2),
    )
    assert_stored(other.read(READINGS), rows(DAY))
    for _ in range(2):
        with staying.session() as tables:
            assert_stored(tables.read(READINGS), rows(DAY))
        with pytest.raises(WarehouseBusy):
            other.read(READINGS)
        staying.file.release()
        assert_stored(other.read(READINGS), rows(DAY))


def test_one_that_stays_open_gives_those_who_wait_a_turn(warehouse):
    warehouse.write(READINGS, rows(DAY), DAY)
    staying, other = (
        DuckDBWarehouse(warehouse.path, stay_open=True),
        DuckDBWarehouse(warehouse.path, lock_timeout_s=PATIENCE_S),
    )
    waiting = threading.Thread(target=lambda: other.write(READINGS, rows(DAY[:1], names=1), DAY[:1]))
    with staying.session() as tables:
        waiting.start()
        wait_for(staying.file.lock.is_waited_for)
        for _ in range(10):  # not within a piece of work
            assert len(tables.read(READINGS)) == 72
    waiting.join(PATIENCE_S)
    assert not waiting.is_alive()
    assert len(staying.read(READINGS)) == 70
    staying.file.release()


def test_one_that_stays_open_lets_go_where_a_use_fails_and_is_fit_for_the_next(warehouse):
    staying, other = (
        DuckDBWarehouse(warehouse.path, stay_open=True),
        DuckDBWarehouse(warehouse.path, lock_timeout_s=0.2),
    )
    with staying.session() as tables:
        staying.write(READINGS, rows(DAY), DAY)
        with pytest.raises(duckdb.CatalogException):
            tables.query("SELECT * FROM nowhere")
        assert_stored(other.read(READINGS), rows(DAY))
        assert_stored(tables.read(READINGS), rows(DAY))
    assert_stored(staying.read(READINGS), rows(DAY))
    staying.file.release()
    assert_stored(other.read(READINGS), rows(DAY))


def test_a_file_that_is_no_database_is_not_called_busy(warehouse):
    warehouse.path.parent.mkdir()
    warehouse.path.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageDamaged, match="not a valid DuckDB"):
        warehouse.read(READINGS)


# --- many processes ---------------------------------------------------------------------------------------


def _rewrite_for_ever(path, writes):
    warehouse = DuckDBWarehouse(path)
    while True:
        for names in (40, 90):
            warehouse.write(READINGS, rows(DAY[:2], names, price=float(names)), DAY[:2])
            with writes.get_lock():
                writes.value += 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_writer_killed_at_any_moment_leaves_the_old_rows_or_the_new(warehouse):
    seen = set()
    moments = random.Random(0)
    for number in count():
        if number >= 12 and seen == {40, 90}:
            break
        writes = PROCESSES.Value("i", 0)
        writer = PROCESSES.Process(target=_rewrite_for_ever, args=(warehouse.path, writes))
        writer.start()
        wait_for(lambda writes=writes, least=1 + number % 2: writes.value >= least)
        time.sleep(moments.uniform(0, 0.15))  # somewhere within a later write
        writer.kill()
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
        stored = warehouse.read(READINGS)
        names = len(stored) // 2
        assert names in (40, 90)
        assert_stored(stored, rows(DAY[:2], names, price=float(names)).sort_values(["hour", "name"]))
        seen.add(names)


def _write_hours(path, hours):
    warehouse = DuckDBWarehouse(path)
    for hour in hours:
        warehouse.write(READINGS, rows([hour]), [hour])


@pytest.mark.slow
def test_processes_that_write_at_once_lose_and_double_nothing(warehouse):
    hours = [FIRST + n * HOUR for n in range(100)]
    warehouse.write(READINGS, rows(hours[:10], names=5, price=9.0), hours[:10])
    writers = [PROCESSES.Process(target=_write_hours, args=(warehouse.path, hours[n::4])) for n in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert set(warehouse.read(READINGS).groupby("hour").size()) <= {3, 5}
        time.sleep(0.2)
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert_stored(warehouse.read(READINGS), rows(hours))


def _read_without_a_pause(path, reads, stop):
    warehouse = DuckDBWarehouse(path)
    while not stop.is_set():
        warehouse.read(READINGS)
        with reads.get_lock():
            reads.value += 1


@pytest.mark.slow
def test_readers_without_a_pause_keep_nobody_out(warehouse):
    warehouse.write(READINGS, rows(DAY), DAY)
    stop, reads = PROCESSES.Event(), PROCESSES.Value("i", 0)
    readers = [PROCESSES.Process(target=_read_without_a_pause, args=(warehouse.path, reads, stop)) for _ in range(2)]
    for reader in readers:
        reader.start()
    wait_for(lambda: reads.value >= 10)
    served_first = []
    for hour in DAY[:9]:
        before = reads.value
        warehouse.write(READINGS, rows([hour]), [hour])
        served_first.append(reads.value - before)
    stop.set()
    for reader in readers:
        reader.join()
    assert statistics.median(served_first) < 40  # without turns it is hundreds, as where the writer did not run yet


def test_threads_of_one_process_take_turns(warehouse):
    threads = [threading.Thread(target=_write_hours, args=(warehouse.path, DAY[n::4])) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_stored(warehouse.read(READINGS), rows(DAY))


def _hold(path, ready, release):
    with DuckDBWarehouse(path).connect():
        ready.set()
        release.wait(PATIENCE_S)


def _hold_without_our_lock(path, ready, release):
    with duckdb.connect(str(path)):
        ready.set()
        release.wait(PATIENCE_S)


@pytest.fixture(params=[_hold, _hold_without_our_lock])
def holder(request, warehouse):
    """A process that has the file open, through our lock or past it; call `release()` and it lets go."""
    warehouse.write(READINGS, rows(DAY), DAY)
    ready, release = PROCESSES.Event(), PROCESSES.Event()
    process = PROCESSES.Process(target=request.param, args=(warehouse.path, ready, release))
    process.start()
    assert ready.wait(PATIENCE_S)
    process.release = release.set
    yield process
    release.set()
    process.join()


def test_the_holder_of_a_busy_warehouse_is_named(warehouse, holder):
    warehouse.file.lock.timeout_s = 0.3
    for attempt in (lambda: warehouse.read(READINGS), lambda: warehouse.write(READINGS, rows([]), DAY)):
        with pytest.raises(WarehouseBusy, match=rf"more than 0\.3 s; nothing was written.*\b{holder.pid}\b"):
            attempt()
    holder.release()
    holder.join()
    assert_stored(warehouse.read(READINGS), rows(DAY))


def test_a_holder_that_lets_go_in_time_is_waited_for(warehouse, holder):
    threading.Timer(0.5, holder.release).start()
    assert_stored(warehouse.read(READINGS), rows(DAY))


def test_who_holds_it_is_told_whole_at_any_moment(warehouse):
    """The name is read by those who can't have the lock, while its holder writes it again and again."""
    assert warehouse.file.lock.holder() == "unknown; it has not written its name yet"
    warehouse.path.parent.mkdir()
    names = [{"pid": number, "command": "x" * 5000 * number} for number in (1, 2)]
    warehouse.file.lock.name_holder(names[0])
    done = threading.Event()

    def rename():
        while not done.is_set():
            for name in names:
                warehouse.file.lock.name_holder(name)

    renaming = threading.Thread(target=rename)
    renaming.start()
    seen = {warehouse.file.lock.holder() for _ in range(3000)}
    done.set()
    renaming.join()
    assert seen <= set(map(json.dumps, names))
