"""What the mirror holds of each table: counted once for each state of the mirror."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from mlreg_dagster.evidence.data_audit.catalogue import every_table, is_of_time
from mlreg_dagster.evidence.data_audit.profiles import time_of
from mlreg_dagster.evidence.data_audit.reading import Period, counted, stored_columns
from mlreg_dagster.extensions.registration.loading import load_extensions
from mlreg_dagster.pages.view import View
from mlreg_dagster.storage.warehouse.tables import Table

_KEPT: "OrderedDict[tuple[object, ...], tuple[Stored, ...]]" = OrderedDict()
_MOST = 32
_LOCK = Lock()


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
    as_of = view.as_of.replace(minute=0, second=0, microsecond=0)
    key = (view.home, view.mirrored_at, as_of, view.settings.features.text)
    with _LOCK:
        if key in _KEPT:
            _KEPT.move_to_end(key)
            return _KEPT[key]
    load_extensions(view.settings.extensions.modules)
    found = tuple(_stored(view, table, as_of) for table in every_table(view.settings))
    with _LOCK:
        _KEPT[key] = found
        while len(_KEPT) > _MOST:
            _KEPT.popitem(last=False)
    return found


def _stored(view: View, table: Table, as_of: datetime) -> Stored:
    by, about = table.partition_column, (table.name, table.description)
    if not stored_columns(view.tables, table):
        return Stored(*about, by, is_there=False)
    rows, partitions, first, last = counted(view.tables, table, Period(last=as_of))
    if not is_of_time(table) or first is None or last is None:
        return Stored(*about, by, True, rows)
    ended = time_of(last) + timedelta(hours=1 if by == "hour" else 24)
    return Stored(*about, by, True, rows, partitions, time_of(first), time_of(last), ended)
