"""Compares what runs made, by Dagster's event log, with what the tables hold."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.health import Finding
from mlreg_dagster.evidence.data_audit.catalogue import tables_of_assets
from mlreg_dagster.market.sources.base import last_ended_hour
from mlreg_dagster.monitoring.sketches.schema import FEATURE_SKETCH
from mlreg_dagster.operations.home import Home, materialize
from mlreg_dagster.operations.retention.future_hours import SET_ASIDE, payloads_ahead

Hours = Mapping[str, pd.DatetimeIndex]
"""Hours by the table, and asset, that they are of."""

SKETCHES = FEATURE_SKETCH.name
"""The daily runs of drift count hours that no hourly run has counted: they are on record with those runs."""

_SLACK = pd.Timedelta(minutes=5)  # clocks are set by seconds all the time


class ClocksDisagree(MlregError):
    """The machine's clock, Dagster's event log and the tables disagree: nothing is deleted."""


@dataclass(frozen=True)
class Made:
    """What Dagster's event log knows of.

    Attributes:
        written: The hours of an hourly asset that runs have materialized.
        lost: Of some hours (second argument) of an asset, those for which a run wrote rows and which are not among
            the stored ones (third argument).
        versions: The model versions that runs have trained, evaluated or given an alias.
        datasets: The days of each kind of dataset that runs have frozen.
        heads: Sequence and hash of the registry's audit records that runs have witnessed.
        newest_run: When the run that was recorded last was recorded, by the clock of then.
        erased: The ids of people whose names were erased.
    """

    written: Callable[[str], pd.DatetimeIndex]
    lost: Callable[[str, pd.DatetimeIndex, pd.DatetimeIndex], pd.DatetimeIndex]
    versions: frozenset[str]
    datasets: Mapping[str, frozenset[str]]
    heads: frozenset[tuple[int, str]]
    newest_run: pd.Timestamp | None
    erased: frozenset[str] = frozenset()


def no_hours(settings: Settings) -> dict[str, pd.DatetimeIndex]:
    """Each hourly table, without any hour; what is kept by day is made again from the outcomes."""
    none = pd.DatetimeIndex([], dtype="datetime64[us, UTC]")
    return {table.name: none for table in tables_of_assets(settings) if table.partition_column == "hour"}


def stored_hours(connection: duckdb.DuckDBPyConnection, settings: Settings) -> dict[str, pd.DatetimeIndex]:
    """The hours of which each hourly table holds rows; a table that is not there yet holds none."""
    there = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    found = no_hours(settings)
    for name in there & set(found):
        rows = connection.execute(f'SELECT DISTINCT hour FROM "{name}" ORDER BY 1').df()  # noqa: S608
        found[name] = pd.DatetimeIndex(rows["hour"])
    return found


def lost_hours(stored: Hours, made: Made, now: pd.Timestamp) -> dict[str, pd.DatetimeIndex]:
    """The hours that runs wrote and the tables lack; those before a table's first may have been pruned."""
    found = {}
    for name, hours in stored.items():
        written = made.written(name)
        written = written[written <= last_ended_hour(now)]
        if len(hours) and name.startswith("market_"):
            written = written[written >= hours.min()]
        if len(lost := made.lost(name, written, hours)):
            found[name] = lost
    return found


def compare_hours(
    stored: Hours, made: Made | None, now: pd.Timestamp, snapshot: Mapping[str, datetime] | None = None
) -> list[Finding]:
    """Report what only one of the two sides knows; none where Dagster has no event log yet.

    Args:
        stored: The hours that the tables hold.
        made: What runs made.
        now: The machine's time.
        snapshot: Of a branch, up to which hour of each table the runs were those of production.
    """
    if made is None:
        return []
    try:
        return list(_compared(stored, made, now, snapshot or {}))
    except MlregError as error:
        return [Finding("hours that runs made", "miss", str(error), "See docs/runbook.md.")]


def _compared(stored: Hours, made: Made, now: pd.Timestamp, snapshot: Mapping[str, datetime]) -> Iterator[Finding]:
    name = "hours that runs made"
    if lost := lost_hours(stored, made, now):
        hours = _union(lost)
        seen = f"Runs wrote hours that the tables lack: {_counts(lost)}. Rows were removed, or older tables put back."
        yield Finding(name, "miss", seen, materialize(",".join(lost), hours))
    else:
        yield Finding(name, "ok", "The tables hold each hour that a run wrote.")
    name = "hours on record"
    own = {
        table: hours[hours > pd.Timestamp(snapshot[table])] if table in snapshot else hours
        for table, hours in stored.items()
    }
    unknown = {table: hours.difference(made.written(table)) for table, hours in own.items() if table != SKETCHES}
    unknown = {table: ended for table, hours in unknown.items() if len(ended := hours[hours <= last_ended_hour(now)])}
    if unknown:
        seen = (
            f"Dagster's event log knows of no run that wrote: {_counts(unknown)}. An older one was put back, a run was "
            f"killed or deleted, or DAGSTER_HOME names another one."
        )
        yield Finding(name, "miss", seen, materialize(",".join(unknown), _union(unknown)))
    else:
        yield Finding(name, "ok", "Dagster's event log knows of each hour that the tables hold.")


def require_agreement(home: Home, settings: Settings, made: Made, now: pd.Timestamp) -> None:
    """Refuse to go on where clock, event log and tables disagree: what is old could not be told.

    Raises:
        ClocksDisagree: The tables or the payloads hold hours after now, the tables lack hours that runs wrote, or the
            clock is behind the event log.
    """
    stored = no_hours(settings)
    if home.warehouse.exists():
        with home.warehouse.connect() as connection:
            stored = stored_hours(connection, settings)
    newest = max((hours.max() for hours in stored.values() if len(hours)), default=last_ended_hour(now))
    if newest > last_ended_hour(now) or payloads_ahead(home, now):
        raise ClocksDisagree(
            f"Hours are stored that have not ended yet at {_text(now)}: the clock was ahead, or is behind now. Nothing "
            f"is deleted. mlreg doctor names them; where the clock is right, {SET_ASIDE} sets them aside."
        )
    if lost := lost_hours(stored, made, now):
        raise ClocksDisagree(
            f"The tables lack hours that runs wrote: {_counts(lost)}. Nothing is deleted. Make them again first: "
            f"{materialize(','.join(lost), _union(lost))}"
        )
    if made.newest_run is not None and made.newest_run > now + _SLACK:
        raise ClocksDisagree(
            f"The clock ({_text(now)}) is behind the newest run of Dagster's event log ({_text(made.newest_run)}): it "
            f"was put back, or was ahead then. Nothing is deleted. Set it right; where it is right, let any other run "
            f"come first."
        )


def _union(hours: Hours) -> pd.DatetimeIndex:
    pieces = list(hours.values())
    union = pieces[0]
    for piece in pieces[1:]:
        union = union.union(piece)
    return union


def _counts(hours: Hours) -> str:
    return ", ".join(
        f"{len(each)} hours of {name} ({each.min():%Y-%m-%d %H:%M} to {each.max():%Y-%m-%d %H:%M})"
        for name, each in hours.items()
    )


def _text(time: pd.Timestamp) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
