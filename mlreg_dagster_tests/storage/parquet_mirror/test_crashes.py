"""Whatever is written, deleted, compacted or killed: the mirror shows the tables, or says which days are behind."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlreg_dagster.config.places import mirror_root
from mlreg_dagster.storage.parquet_mirror.layout import ALL, Layout, Pieces
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader, selection
from mlreg_dagster.storage.parquet_mirror.writer import TableMirror
from mlreg_dagster.storage.warehouse.duckdb_access import connect
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.storage.parquet_mirror.dying import Dying
from mlreg_dagster_tests.storage.warehouse.sample_table import DAY, READINGS, rows

DAYS = [f"2026-0{month}-{day:02}" for month in (1, 2, 3) for day in range(1, 12)]
TABLES = ("hourly", "timeless")

Rows = dict[str, set[tuple[object, ...]]]


@dataclass(frozen=True)
class Change:
    """What a step does: it changes rows, or has the whole mirror written; at a step it may die.

    Attributes:
        value: Of the rows that it stores; None: it deletes the days. 0: it gains a column; -1: mirrored again.
    """

    table: str
    days: frozenset[str]
    value: int | None
    dies: int | None


_CHANGES = st.builds(
    Change,
    st.sampled_from([*TABLES, "hourly", "hourly"]),
    st.integers(0, len(DAYS) - 1).flatmap(
        lambda first: st.integers(1, 12).map(lambda length: frozenset(DAYS[first : first + length]))
    ),
    st.integers(1, 9) | st.none() | st.sampled_from([0, -1]),
    st.none() | st.integers(0, 25),
)


class Place:
    """Tables, in memory, and their mirror."""

    def __init__(self, home: Path) -> None:
        self.home, self.root = home, mirror_root(home)
        self.connection = connect(reaches=[self.root])
        self.connection.execute("CREATE TABLE hourly (hour TIMESTAMPTZ NOT NULL, value BIGINT)")
        self.connection.execute("CREATE TABLE timeless (reference VARCHAR, value BIGINT)")
        TableMirror(self.root).begin()

    def carry_out(self, change: Change) -> None:
        writer = TableMirror(self.root)  # as each process has its own
        with Dying(self.root, change.dies).at_work():
            if change.value == -1:
                writer.write(self.connection, everything=True)
                return
            writer.mark(change.table, change.days if change.table == "hourly" else [ALL])
            for statement in _statements(change):
                self.connection.execute(statement)
            writer.follow(self.connection)

    def stored(self, table: str) -> Rows:
        return _by_day(self.connection.execute(_selected(table)).fetchall())

    def mirrored(self, table: str) -> Rows:
        with MirrorReader(self.home).tables() as tables:
            return _by_day(tables.rows(_selected(table))) if tables.columns(table) else {}

    def is_behind(self) -> dict[str, list[str]]:
        return MirrorReader(self.home).behind()


def _statements(change: Change) -> Iterator[str]:
    if change.table == "timeless":
        yield "DELETE FROM timeless"
        if change.value:
            yield f"INSERT INTO timeless (reference, value) VALUES ('a', {change.value})"
    elif change.value == 0:
        yield "ALTER TABLE hourly ADD COLUMN IF NOT EXISTS note VARCHAR"
    else:
        listed = ", ".join(f"DATE '{day}'" for day in sorted(change.days))
        yield f"DELETE FROM hourly WHERE hour::DATE IN ({listed})"
        if change.value:
            hours = ", ".join(
                f"(TIMESTAMPTZ '{day} {hour:02}:00:00+00', {change.value})" for day in change.days for hour in (0, 23)
            )
            yield f"INSERT INTO hourly (hour, value) VALUES {hours}"


def _selected(table: str) -> str:
    first = "strftime(hour, '%Y-%m-%d'), epoch(hour)" if table == "hourly" else f"'{ALL}', reference"
    return f"SELECT {first}, value FROM {table}"


def _by_day(found: list[tuple[object, ...]]) -> Rows:
    days: Rows = {}
    for day, *others in found:
        days.setdefault(str(day), set()).add(tuple(others))
    return days


def _differing(left: Rows, right: Rows) -> set[str]:
    return {day for day in left.keys() | right.keys() if left.get(day) != right.get(day)}


@given(st.lists(_CHANGES, max_size=7))
def test_the_mirror_shows_the_tables_or_says_which_days_are_behind(changes):
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder) / "home")
        with closing(place.connection):
            for change in changes:
                place.carry_out(change)
                for table in TABLES:
                    behind, stored, mirrored = place.is_behind(), place.stored(table), place.mirrored(table)
                    differing = _differing(stored, mirrored)
                    assert differing <= set(behind.get(table, [])) or ALL in behind[table]
                if change.dies is None:
                    assert behind == {}
            place.carry_out(Change("timeless", frozenset(), 5, None))
            for table in TABLES:
                assert place.mirrored(table) == place.stored(table)
            assert place.is_behind() == {}


@given(st.permutations(range(12)))
@settings(max_examples=4, deadline=None)
def test_superseded_files_are_removed_in_an_order_in_which_none_of_them_counts_again(order):
    """Whatever is left when the process dies, the newest file decides."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder) / "home")
        with closing(place.connection):
            for number, step in enumerate(order):
                days = frozenset(DAYS[step : step + 3])
                place.carry_out(Change("hourly", days, number + 1, None))
            place.carry_out(Change("hourly", frozenset(["2026-03-11"]), 7, None))
            layout = Layout(place.root)
            there = layout.pieces("hourly")
            gone = sorted(there.superseded)
            for count in range(len(gone) + 1):
                left = Pieces([piece for piece in there.all if piece not in gone[:count]])
                rows_left = selection(layout, "hourly", layout.columns("hourly"), left)
                sql = _selected("hourly").replace("FROM hourly", f"FROM ({rows_left})")
                assert _by_day(place.connection.execute(sql).fetchall()) == place.stored("hourly")


@pytest.mark.parametrize("steps", range(1, 16, 3))
def test_a_process_that_dies_while_it_writes_a_table_leaves_marks_that_the_next_write_follows(tmp_path, steps):
    tables, reader = DuckDBWarehouse(tmp_path / "warehouse.duckdb"), MirrorReader(tmp_path)
    tables.write(READINGS, rows(DAY[:1]), DAY[:1])
    with Dying(mirror_root(tmp_path), steps).at_work():
        DuckDBWarehouse(tables.path).write(READINGS, rows(DAY[:1], price=2.0), DAY[:1])
    behind = reader.behind()
    assert _prices(reader) == tables.read(READINGS)["price"].tolist() or behind == {"readings": ["2026-01-01"]}
    other = DAY[0].replace(day=2)
    DuckDBWarehouse(tables.path).write(READINGS, rows([other], price=3.0), [other])
    assert _prices(reader) == tables.read(READINGS)["price"].tolist()
    assert reader.behind() == {}


def _prices(reader: MirrorReader) -> list[float]:
    with reader.tables() as tables:
        return [price for (price,) in tables.rows("SELECT price FROM readings ORDER BY hour, name")]


def test_a_write_that_the_tables_refuse_leaves_the_mirror_as_they_are(tmp_path):
    tables, reader = DuckDBWarehouse(tmp_path / "warehouse.duckdb"), MirrorReader(tmp_path)
    tables.write(READINGS, rows(DAY[:1]), DAY[:1])
    with tables.connect() as connection:
        connection.execute("CREATE UNIQUE INDEX one_of_each ON readings (hour, name)")
        connection.execute("CREATE UNIQUE INDEX one_of_all ON readings (name)")
    with pytest.raises(duckdb.ConstraintException):
        tables.write(READINGS, rows(DAY[1:2], price=2.0), DAY[1:2])
    assert (_prices(reader), reader.behind()) == ([1.0] * 3, {})
