"""What readers see of the mirror: the rows of the tables, without their lock, or why there are none."""

import multiprocessing
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from mlreg_dagster.config.places import mirror_root
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.storage.parquet_mirror.layout import Layout
from mlreg_dagster.storage.parquet_mirror.reader import MirrorDamaged, MirrorReader, NotMirrored
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.reader import UnknownColumns
from mlreg_dagster.storage.warehouse.tables import column
from mlreg_dagster_tests.storage.warehouse.sample_table import DAY, READINGS, assert_stored, rows

COUNT = "SELECT count(*) FROM readings"
ALL_ROWS = "SELECT * FROM readings ORDER BY hour, name"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "ho[me]'s"  # names that mean something to DuckDB


@pytest.fixture
def tables(home: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(home / "warehouse.duckdb")


@pytest.fixture
def reader(home: Path) -> MirrorReader:
    return MirrorReader(home)


def days(*names: str) -> list[pd.Timestamp]:
    return [hour.replace(month=int(name[:2]), day=int(name[3:])) for name in names for hour in DAY[:2]]


def names_in(home: Path) -> list[str]:
    """The days and months of the files that count."""
    pieces = Layout(mirror_root(home)).pieces("readings")
    return sorted([*pieces.months, *pieces.days])


def _forks() -> multiprocessing.context.ForkServerContext:
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["mlreg_dagster_tests.preloaded"])
    return forks


def holds_the_lock(path: Path, ready: Event, done: Event):
    with DuckDBWarehouse(path).session() as tables:
        tables.write(READINGS, rows(DAY[1:2]), DAY[1:2])  # which the mirror gets at the end of the session
        ready.set()
        done.wait(60)


def test_a_process_holds_the_lock_and_readers_answer(tables, reader):
    tables.write(READINGS, rows(DAY[:1]), DAY[:1])
    forks = _forks()
    ready, done = forks.Event(), forks.Event()
    holder = forks.Process(target=holds_the_lock, args=(tables.path, ready, done))
    holder.start()
    try:
        assert ready.wait(60)
        with reader.tables() as mirrored:
            assert mirrored.rows(COUNT) == [(3,)]
        assert reader.behind() == {"readings": ["2026-01-01"]}
    finally:
        done.set()
        holder.join(60)
    with reader.tables() as mirrored:
        assert mirrored.rows(COUNT) == [(6,)]
    assert reader.behind() == {}


def test_rows_come_back_as_they_were_in_files_of_their_owner_alone(home, tables, reader):
    frame = rows(days("01-05", "01-06", "02-01"))
    tables.write(READINGS, frame, frame["hour"].unique())
    with reader.tables() as mirrored:
        assert mirrored.has("readings", ["hour", "name"])
        assert_stored(READINGS.validate(mirrored.frame(ALL_ROWS)), frame)
        assert not mirrored.has("others", ["hour"])
        with pytest.raises(UnknownColumns, match="lacks the columns weight"):
            mirrored.has("readings", ["weight"])
        assert mirrored.connection.execute(COUNT).fetchall() == [(18,)]  # without a statement that named it before
    for folder, _, files in os.walk(mirror_root(home)):
        assert Path(folder).stat().st_mode & 0o077 == 0
        assert all(Path(folder, file).stat().st_mode & 0o077 == 0 for file in files)


def test_months_that_have_ended_are_one_file_and_repaired_days_lie_beside_it(home, tables, reader):
    for name in ("01-05", "01-06", "02-01"):
        tables.write(READINGS, rows(days(name)), days(name))
        assert names_in(home) == {
            "01-05": ["2026-01-05"], "01-06": ["2026-01-05", "2026-01-06"], "02-01": ["2026-01", "2026-02-01"]
        }[name]  # fmt: skip
    tables.write(READINGS, rows(days("01-06"), price=2.0), days("01-06"))
    assert names_in(home) == ["2026-01", "2026-01-06", "2026-02-01"]
    with reader.tables() as mirrored:
        assert_stored(mirrored.frame(ALL_ROWS), tables.read(READINGS))
    for number in range(1, 9):
        tables.write(READINGS, rows(days(f"01-{number:02}")), days(f"01-{number:02}"))
    assert names_in(home) == ["2026-01", "2026-02-01"]
    with reader.tables() as mirrored:
        assert_stored(mirrored.frame(ALL_ROWS), tables.read(READINGS))


def test_deleted_rows_survive_in_no_file(home, tables, reader):
    for name in ("01-05", "01-06", "02-01"):
        tables.write(READINGS, rows(days(name)).assign(label=f"secret {name}"), days(name))
    tables.write(READINGS, rows([]), days("01-05"))
    for path in mirror_root(home).rglob("*.parquet"):
        assert b"secret 01-05" not in path.read_bytes()
    with reader.tables() as mirrored:
        assert_stored(mirrored.frame(ALL_ROWS), tables.read(READINGS))
    tables.write(READINGS, rows([]), days("01-06", "02-01"))
    assert list(mirror_root(home).rglob("*.parquet")) == []
    with reader.tables() as mirrored:
        assert (mirrored.has("readings", ["hour"]), mirrored.rows(COUNT)) == (True, [(0,)])


def test_columns_that_a_table_gained_are_null_in_older_files(tables, reader):
    tables.write(READINGS, rows(DAY[:1]), DAY[:1])
    grown = replace(READINGS, columns=READINGS.columns | {"depth": column(float, "Gained.", nullable=True)})
    with reader.tables() as mirrored:
        assert mirrored.lacking(grown) == {"depth": "DOUBLE"}
    later = days("01-02")
    tables.write(grown, rows(later).assign(depth=0.5), later)
    with reader.tables() as mirrored:
        assert mirrored.lacking(grown) == {}
        assert mirrored.rows("SELECT depth, count(*) FROM readings GROUP BY 1 ORDER BY 1") == [(0.5, 6), (None, 3)]
        first = "SELECT depth FROM readings WHERE hour = TIMESTAMPTZ '2026-01-01 00:00:00+00'"
        assert mirrored.rows(first) == [(None,)] * 3


def test_a_table_that_was_made_again_with_other_columns_is_mirrored_as_it_is_now(tables, reader):
    tables.write(READINGS, rows(DAY[:1]), DAY[:1])
    with tables.connect() as connection:
        connection.execute("DROP TABLE readings")
    columns = {name: spec for name, spec in READINGS.columns.items() if name in ("hour", "name", "count")}
    other = replace(READINGS, columns=columns | {"count": column(str, "A text now.")})
    later = days("01-02")
    tables.write(other, rows(later)[["hour", "name"]].assign(count="many"), later)
    with reader.tables() as mirrored:
        assert mirrored.columns("readings") == ["hour", "name", "count"]
        assert mirrored.rows("SELECT DISTINCT count FROM readings") == [("many",)]


def test_a_home_of_an_earlier_release_is_never_taken_for_an_empty_one(home, tables, reader):
    with reader.tables() as mirrored:
        assert (mirrored.has("readings", ["hour"]), mirrored.rows(COUNT)) == (False, [])  # there is no home
    assert not home.exists()
    for name in ("01-05", "02-01"):
        tables.write(READINGS, rows(days(name)), days(name))
    _forget(home)
    with pytest.raises(NotMirrored, match="Run mlreg mirror"), reader.tables():
        pass
    tables.write(READINGS, rows(days("02-02")), days("02-02"))
    with reader.tables() as mirrored:
        assert_stored(mirrored.frame(ALL_ROWS), tables.read(READINGS))
    _forget(home)
    tables.mirror_again()
    with reader.tables() as mirrored:
        assert_stored(mirrored.frame(ALL_ROWS), tables.read(READINGS))


def _forget(home: Path) -> None:
    for path in sorted(mirror_root(home).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def test_tables_that_were_made_again_have_nothing_of_those_before_in_their_mirror(home, tables, reader):
    tables.write(READINGS, rows(DAY[:1]), DAY[:1])
    tables.path.rename(home / "aside.duckdb")
    with DuckDBWarehouse(tables.path).connect():
        pass
    with reader.tables() as mirrored:
        assert not mirrored.has("readings", ["hour"])


def test_a_mirror_that_can_not_be_written_costs_no_row_and_is_behind_until_the_next_write(home, tables, reader, caplog):
    tables.write(READINGS, rows(DAY[:1]), DAY[:1])
    folder = mirror_root(home) / "tables"
    folder.rename(home / "aside")
    folder.write_bytes(b"in the way")
    tables.write(READINGS, rows(DAY[1:2]), DAY[1:2])
    assert "The rows are stored, their Parquet mirror is behind" in caplog.text
    assert len(tables.read(READINGS)) == 6
    assert reader.behind() == {"readings": ["2026-01-01"]}
    folder.unlink()
    (home / "aside").rename(folder)
    DuckDBWarehouse(tables.path).write(READINGS, rows(days("01-02")), days("01-02"))
    with reader.tables() as mirrored:
        assert_stored(mirrored.frame(ALL_ROWS), tables.read(READINGS))
    assert reader.behind() == {}


def test_a_file_that_was_cut_short_is_reported_with_the_remedy(home, tables, reader):
    tables.write(READINGS, rows(DAY[:1]), DAY[:1])
    (file,) = mirror_root(home).rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(MirrorDamaged, match="Run mlreg mirror"), reader.tables() as mirrored:
        mirrored.rows(COUNT)
    tables.mirror_again()
    with reader.tables() as mirrored:
        assert mirrored.rows(COUNT) == [(3,)]


def test_files_that_vanish_within_a_use_are_looked_for_again(tables, reader):
    tables.write(READINGS, rows(DAY[:1]), DAY[:1])
    with reader.tables() as mirrored:
        assert mirrored.rows(COUNT) == [(3,)]
        tables.write(READINGS, rows(DAY[1:2]), DAY[1:2])
        assert mirrored.rows(COUNT) == [(3,)]  # as of the same moment as before
        tables.mirror_again()  # which keeps nothing that is superseded
        assert mirrored.rows(COUNT) == [(6,)]
        with pytest.raises(duckdb.CatalogException):
            mirrored.rows("SELECT * FROM others")


def writes_hours(path: Path) -> None:
    for number in range(12):
        hour = DAY[0] + 18 * number * HOUR + timedelta(days=25)  # days, and the end of a month
        DuckDBWarehouse(path).write(READINGS, rows([hour]), [hour])


def test_a_reader_beside_a_writer_sees_whole_hours_in_their_order_and_nothing_fails(tables, reader):
    tables.write(READINGS, rows(DAY[:1]), DAY[:1])
    writer = _forks().Process(target=writes_hours, args=(tables.path,))
    writer.start()
    seen = [1]
    while writer.is_alive():
        with reader.tables() as mirrored:
            for _ in range(5):
                (found, most), *_ = mirrored.rows(
                    "SELECT count(DISTINCT hour), max(n) FROM "
                    "(SELECT hour, count(*) OVER (PARTITION BY hour) AS n FROM readings)"
                )
                assert most == 3
                seen.append(found)
    writer.join()
    assert writer.exitcode == 0
    assert seen == sorted(seen)
    with reader.tables() as mirrored:
        assert mirrored.rows(COUNT) == [(13 * 3,)]


def test_the_age_is_that_of_the_last_write(tables, reader):
    assert (reader.newest(), reader.age()) == (None, None)
    began = datetime.now(UTC) - timedelta(seconds=1)
    tables.write(READINGS, rows(DAY[:1]), DAY[:1])
    newest = reader.newest("readings")
    assert newest is not None
    assert began <= newest <= datetime.now(UTC) + timedelta(seconds=1)
    assert reader.age(now=newest + timedelta(hours=2)) == timedelta(hours=2)
    assert reader.newest("others") is None
