"""Checks of a lake: it answers, each file that its catalog names is there, few are small, and who writes what."""

import os
from collections.abc import Iterator

import duckdb
import pandas as pd

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.health import Finding
from mlreg_dagster.core.times import plain
from mlreg_dagster.operations.home import Home
from mlreg_dagster.storage.postgres import PostgresUnavailable
from mlreg_dagster.storage.warehouse.lake import Lake, upkeep
from mlreg_dagster.storage.warehouse.opening import lake_of

LAKE = "lake"
"""The finding that the lake answers."""

_PRUNE = "mlreg prune"
_MANY_SMALL = 48  # what two days of hourly writes leave
_SHOWN = 3


def lake_is_sound(home: Home, now: pd.Timestamp) -> Iterator[Finding]:
    """Nothing where a file keeps the tables, or the lake is not made yet."""
    lake = lake_of(home.warehouse)
    if lake is None:
        return
    try:
        if not lake.exists():
            return
        with lake.connect_read_only() as connection:
            yield _answers(lake, connection)
            yield _files_are_there(lake, connection)
            yield from _files_are_few(connection)
            yield _nothing_is_unused(connection, now)
            yield _is_written_by(lake, upkeep.table_files(connection))
    except (MlregError, duckdb.Error) as error:
        yield Finding(LAKE, "miss", str(error), "Start what it names, or fix its address; see docs/how-to/lake.md.")


def _answers(lake: Lake, connection: duckdb.DuckDBPyConnection) -> Finding:
    ((form,),) = connection.execute(
        f"SELECT value FROM {upkeep.CATALOG}.ducklake_metadata WHERE key = 'version'"  # noqa: S608 - our own names
    ).fetchall()
    snapshots, oldest = upkeep.snapshots(connection)
    seen = (
        f"{lake.place} answers: DuckDB {duckdb.__version__}, form {form} of DuckLake, {snapshots:,} snapshots from "
        f"{oldest:%Y-%m-%d %H:%M} on."
    )
    return Finding(LAKE, "ok", seen)


def _files_are_there(lake: Lake, connection: duckdb.DuckDBPyConnection) -> Finding:
    """Each file that any snapshot needs is in its place; how many files are there that none names."""
    named, waiting = upkeep.named_files(connection)
    place = lake.address.data_path
    sql = "SELECT file FROM glob($pattern)"
    there = {file for (file,) in connection.execute(sql, {"pattern": f"{place}**/*.parquet"}).fetchall()}
    missing = sorted(named - {*there, *(path for path in named - there if os.path.isfile(path))})  # noqa: PTH113
    unnamed = len(there - named - waiting)
    if missing:
        names = ", ".join(missing[:_SHOWN])
        seen = f"{len(missing)} of {len(named)} files that the catalog names are missing: {names}."
        advice = "Put them back from a copy of the store; else restore a backup, or materialize the hours again."
        return Finding("files of the lake", "miss", seen, advice)
    seen = f"All {len(named)} that the catalog names are there; {len(waiting)} wait to be removed, {unnamed} unnamed."
    return Finding("files of the lake", "ok", seen)


def _files_are_few(connection: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    for each in upkeep.table_files(connection):
        days = upkeep.days_of(connection, each.name)
        seen = f"{each.files} files, {each.size / (1 << 20):,.1f} MB"
        seen += f", {each.files / days:.1f} a day" if days else ""
        if each.mergeable > _MANY_SMALL:
            yield Finding(f"files of {each.name}", "warning", f"{seen}; {each.mergeable} are small.", _PRUNE)
        else:
            yield Finding(f"files of {each.name}", "ok", f"{seen}.")


def _nothing_is_unused(connection: duckdb.DuckDBPyConnection, now: pd.Timestamp) -> Finding:
    old, orphans = upkeep.removable(connection, plain(now))
    if orphans:
        names = ", ".join(orphans[:_SHOWN])
        seen = f"{len(orphans)} were left by writers that died more than a day ago: {names}."
        return Finding("orphans of the lake", "warning", seen, _PRUNE)
    return Finding("orphans of the lake", "ok", f"None; {len(old)} old files can be removed.")


def _is_written_by(lake: Lake, tables: list[upkeep.TableFiles]) -> Finding:
    holders = []
    for each in tables:
        try:
            holder = lake.writer_of(each.name)
        except PostgresUnavailable as error:
            return Finding("lock", "miss", str(error), "Start the server of the catalog.")
        holders += [f"{each.name}: {holder}"] if holder else []
    if holders:
        return Finding("lock", "waiting", f"Tables are being written: {'; '.join(holders)}.", "Readers do not wait.")
    return Finding("lock", "ok", f"{lake.place}: no process writes a table.")
