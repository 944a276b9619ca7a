"""What the mirror holds of each table: counted once for each state of the mirror."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.evidence.data_audit.catalogue import every_table, is_of_time
from mlreg_dagster.evidence.data_audit.profiles import time_of
from mlreg_dagster.evidence.data_audit.reading import Period, by_partition, rows_of, stored_columns
from mlreg_dagster.extensions.registration.loading import load_extensions
from mlreg_dagster.pages.kept import Kept
from mlreg_dagster.pages.view import View
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster.storage.warehouse.tables import Table

_KEPT: "Kept[tuple[Counted, ...]]" = Kept(8)


@dataclass(frozen=True)
class Counted:
    """The rows of a table by hour or day.

    Attributes:
        table: Which.
        is_there: Whether it was ever written.
        at: The hours or days with rows, since 1970, ascending; none of a table of neither.
        rows: The rows of each and of all before it; of a table of neither, all rows alone.
    """

    table: Table
    is_there: bool
    at: NDArray[np.int64]
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Stored:
    """A table.

    Attributes:
        table: Its name.
        description: What a row is.
        partitioned_by: `hour`, `day`, or another column.
        is_there: Whether it was ever written.
        rows: How many it has.
        partitions: Hours or days with rows; None: it has none of these.
        first: The first of them.
        newest: The last of them.
        ended: When the last of them ended.
    """

    table: str
    description: str
    partitioned_by: str
    is_there: bool
    rows: int = 0
    partitions: int | None = None
    first: datetime | None = None
    newest: datetime | None = None
    ended: datetime | None = None


def stored(view: View) -> tuple[Stored, ...]:
    """Every table as of the time that is asked about."""
    hour = int(view.as_of.timestamp()) // 3600
    return tuple(_as_of(each, hour) for each in _counted(view))


def _as_of(found: Counted, hour: int) -> Stored:
    table = found.table
    about = (table.name, table.description, table.partition_column, found.is_there)
    if not is_of_time(table):
        return Stored(*about, int(found.rows.sum()))
    length = 1 if table.partition_column == "hour" else 24
    place = int(np.searchsorted(found.at, hour + 1 - length, side="right"))
    if not place:
        return Stored(*about, 0, 0 if found.is_there else None)
    first, last = int(found.at[0]), int(found.at[place - 1])
    return Stored(*about, int(found.rows[place - 1]), place, time_of(first), time_of(last), time_of(last + length))


def _counted(view: View) -> tuple[Counted, ...]:
    """The rows of every table, counted once for each state of the mirror."""

    def count() -> tuple[Counted, ...]:
        load_extensions(view.settings.extensions.modules)
        return tuple(_count(view.tables, table) for table in every_table(view.settings))

    return _KEPT.get((view.home, view.mirrored_at, view.settings.features.text), count)


def _count(tables: Tables, table: Table) -> Counted:
    nothing = np.zeros(0, dtype=np.int64)
    if not stored_columns(tables, table):
        return Counted(table, is_there=False, at=nothing, rows=nothing)
    if not is_of_time(table):
        return Counted(table, is_there=True, at=nothing, rows=np.array([rows_of(tables, table, Period())]))
    rows = by_partition(tables, table, (), Period())
    return Counted(table, True, rows["at"].to_numpy(dtype=np.int64), rows["rows"].to_numpy(dtype=np.int64).cumsum())
