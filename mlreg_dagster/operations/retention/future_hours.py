"""Hours after now, which only a clock that was ahead can have stored: found, and set aside without losing them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pandas as pd
from upath import UPath

from mlreg_dagster.config import Settings
from mlreg_dagster.core.health import Finding
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.evidence.data_audit.catalogue import tables_of_assets
from mlreg_dagster.market.sources.base import last_ended_hour
from mlreg_dagster.operations.home import Home
from mlreg_dagster.operations.retention.task import RetentionTask
from mlreg_dagster.operations.retention.tasks import empty
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.private_files import make_folder
from mlreg_dagster.storage.warehouse.tables import Table

SET_ASIDE = "mlreg prune --future"


def set_aside(home: Home, settings: Settings, now: pd.Timestamp) -> Iterator[RetentionTask]:
    """Move rows and payloads of hours after now into a folder of their own, from which nothing reads."""
    from mlreg_dagster.operations.mirror import mirror_again, mirrors_ahead  # with Arrow, which loading does without

    folder = home.folder / "ahead" / f"{now:%Y%m%dT%H%M%SZ}"
    for table in tables_of_assets(settings) if home.warehouse.exists() else ():
        hours = home.warehouse.partitions(table, last_ended_hour(now) + HOUR)
        if len(hours):
            work = _moving_rows(home, table, hours, folder / f"{table.name}.parquet", settings.ingest.hours_at_once)
            yield RetentionTask(f"rows of {table.name} after now", f"{_span(hours)}, kept in {folder}", work)
    if found := payloads_ahead(home, now):
        words = f"of {len(found)} hours, kept in {folder}"
        yield RetentionTask("raw payloads after now", words, lambda: _move_payloads(home, found, folder))
    if mirrors_ahead(home, now):
        yield RetentionTask("newest hour after now", "mirrored again", lambda: mirror_again(home, settings))


def payloads_ahead(home: Home, now: pd.Timestamp) -> list[UPath]:
    """The folders of payloads that were landed for hours after now."""
    return [
        home.landing.folder(source, kind, hour)
        for source, kind in home.landing.kinds()
        for hour in home.landing.hours(source, kind)
        if hour > last_ended_hour(now)
    ]


def no_row_is_ahead(
    connection: duckdb.DuckDBPyConnection, tables: Iterator[Table] | list[Table], now: pd.Timestamp
) -> Finding:
    """No table holds an hour that has not ended yet."""
    found = {}
    for table in tables:
        column = table.partition_column
        sql = f'SELECT DISTINCT "{column}" AS hour FROM "{table.name}" WHERE "{column}" > $last'  # noqa: S608
        if len(hours := pd.DatetimeIndex(connection.execute(sql, {"last": last_ended_hour(now)}).df()["hour"])):
            found[table.name] = hours
    if not found:
        return Finding("hours after now", "ok", "No table holds an hour that has not ended yet.")
    seen = "; ".join(f"{name}: {_span(hours)}" for name, hours in found.items())
    return Finding("hours after now", "miss", f"{seen}. The clock was ahead, or is behind now.", SET_ASIDE)


def no_payload_is_ahead(home: Home, now: pd.Timestamp) -> Finding:
    """No payload was landed for an hour that has not ended yet."""
    if found := payloads_ahead(home, now):
        seen = f"{len(found)} hours were landed that have not ended yet: {found[0]}. The clock was ahead, or is behind."
        return Finding("payloads after now", "miss", seen, SET_ASIDE)
    return Finding("payloads after now", "ok", "None is of an hour that has not ended yet.")


def _moving_rows(home: Home, table: Table, hours: pd.DatetimeIndex, file: Path, chunk: int) -> Callable[[], None]:
    def move() -> None:
        draft = file.with_suffix(".draft")
        with explained(file):
            make_folder(file.parent)
            home.warehouse.read(table, hours.min()).to_parquet(draft, index=False)
            draft.replace(file)
        empty(home, table, hours, chunk)

    return move


def _move_payloads(home: Home, folders: list[UPath], target: Path) -> None:
    for remote in folders if home.landing.local is None else ():
        home.landing.copy_to(target / "raw", remote)
        home.landing.remove(remote)
    for folder in (Path(each.path) for each in folders) if home.landing.local is not None else ():
        if folder.is_dir() and not folder.is_symlink():
            place = target / folder.relative_to(home.folder)
            with explained(place):
                make_folder(place.parent)
                folder.rename(place)


def _span(hours: pd.DatetimeIndex) -> str:
    return f"{len(hours)} hours, {hours.min():%Y-%m-%d %H:%M} to {hours.max():%Y-%m-%d %H:%M}"
