"""The retention tasks of a home, by retention.yaml. Each can be repeated; a killed task loses nothing else."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import pandas as pd
from upath import UPath

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import chunked
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.base import last_ended_hour
from mlreg_dagster.operations.home import Home
from mlreg_dagster.operations.retention.ages import old_before
from mlreg_dagster.operations.retention.compaction import compact, free_share
from mlreg_dagster.operations.retention.drafts import drafts, remains, remove, remove_remains
from mlreg_dagster.operations.retention.rollout_counts import old_counts
from mlreg_dagster.operations.retention.rollout_counts import remove as remove_counts
from mlreg_dagster.operations.retention.served import old_hour_files, old_segments
from mlreg_dagster.operations.retention.served import remove as remove_served
from mlreg_dagster.operations.retention.task import RetentionTask
from mlreg_dagster.storage.landing import A_PAYLOAD, LandingZone
from mlreg_dagster.storage.prediction_log import layout_of
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.opening import lake_of
from mlreg_dagster.storage.warehouse.tables import Table

_LONGEST_PAUSE = pd.Timedelta(days=4)  # a market closes for a long weekend


def retention_tasks(home: Home, settings: Settings, now: pd.Timestamp) -> Iterator[RetentionTask]:
    """The tasks that are due, one after the other; each is looked for after those before it.

    Ages are counted in hours that are stored, from the newest one that has ended: a recorded market of years ago is not
    old as a whole, and a clock that was ahead once makes nothing old.

    Args:
        home: What to look at.
        settings: The policy, and what the tables look like.
        now: The machine's time.
    """
    if left := drafts(home, now):
        yield RetentionTask("drafts", f"{len(left)} left by processes that died", lambda: _remove_drafts(home, now))
    if unreferenced := remains(home, now):
        words = f"{len(unreferenced)} that no bundle refers to, in {home.artifacts.root}"
        yield RetentionTask("objects", words, lambda: remove_remains(home, now))
    log = layout_of(home.folder)
    for name, old_files in (("stored segments", old_segments), ("features of answers", old_hour_files)):
        if files := old_files(log, settings.retention, now):
            yield RetentionTask(name, f"{len(files)} files, from {files[0].name} on", partial(remove_served, files))
    policy = settings.retention
    if folders := old_counts(home.folder, home.registry, policy.rollout_count_days, now):
        yield RetentionTask("counts of rollouts", f"{len(folders)} that have ended", partial(remove_counts, folders))
    if not home.warehouse.exists():
        return
    if policy.raw_days and (old := _old_payloads(home, settings, now)):
        yield RetentionTask("raw payloads", f"of {len(old)} hours", lambda: _remove_payloads(home.landing, old))
    for table, days in (
        (features_table(settings.features), policy.feature_days),
        (MARKET_SNAPSHOT, policy.snapshot_days),
    ):
        if len(hours := _old_hours(home, table, days, now)):
            words = f"{len(hours)} hours up to {hours.max():%Y-%m-%d %H:%M}"
            yield RetentionTask(
                f"rows of {table.name}", words, _emptying(home, table, hours, settings.ingest.hours_at_once)
            )
    if isinstance(tables := home.warehouse, DuckDBWarehouse):
        share = free_share(tables)
        if share > 0 and share >= policy.compact_free_share:
            yield RetentionTask("free room", f"{share:.0%} of {tables.path}", lambda: compact(tables))
    elif (lake := lake_of(tables)) is not None:
        from mlreg_dagster.operations.retention.lake import lake_tasks

        yield from lake_tasks(lake, policy.lake_history_days, now)


def _remove_drafts(home: Home, now: pd.Timestamp) -> None:
    for path in drafts(home, now):
        remove(path)


def _old_payloads(home: Home, settings: Settings, now: pd.Timestamp) -> list[UPath]:
    """Folders of hours that are older than the policy says and stored; each source's newest listing is used on."""
    policy = settings.retention
    before, pruned_before = (_old_before(home, days, now) for days in (policy.raw_days, policy.snapshot_days))
    stored = set(_old_hours(home, MARKET_SNAPSHOT, policy.raw_days, now))
    old = []
    for source, kind in home.landing.kinds():
        landed = [hour for hour in home.landing.hours(source, kind) if hour <= now]
        for hour in landed[1:]:
            is_stored = hour in stored or (pruned_before is not None and hour < pruned_before)
            folder = home.landing.folder(source, kind, hour)
            is_old = before is not None and hour < before and is_stored
            if is_old and _has_payloads(home.landing, folder):
                old.append(folder)
    return old


def _has_payloads(landing: LandingZone, folder: UPath) -> bool:
    if landing.local is None:
        return bool(landing.stored(folder))
    return any(A_PAYLOAD.fullmatch(path.name) for path in folder.iterdir())


def _remove_payloads(landing: LandingZone, folders: Iterable[UPath]) -> None:
    """The payloads in these folders; what else lies there, and then the folder, stays."""
    for folder in folders:
        if landing.local is None:
            landing.remove(folder)
            continue
        found = list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
        ours = [path for path in found if A_PAYLOAD.fullmatch(path.name) and path.is_file() and not path.is_symlink()]
        for path in sorted(ours, key=lambda path: path.suffix):  # each body before what describes it
            path.unlink()
        if found and len(ours) == len(found):
            folder.rmdir()


def _old_before(home: Home, days: int | None, now: pd.Timestamp) -> pd.Timestamp | None:
    """The time before which hours of the market are older than `days`; None where they are kept for ever."""
    snapshots = home.warehouse.partitions(MARKET_SNAPSHOT, last=last_ended_hour(now))
    return old_before(snapshots, now, days, _LONGEST_PAUSE) if days else None


def _old_hours(home: Home, table: Table, days: int | None, now: pd.Timestamp) -> pd.DatetimeIndex:
    before = _old_before(home, days, now)
    hours = home.warehouse.partitions(table, last=before)
    return hours[:0] if before is None else hours[hours < before]


def empty(home: Home, table: Table, hours: pd.DatetimeIndex, chunk: int) -> None:
    """Remove all rows of some partitions, `chunk` partitions a transaction."""
    for piece in chunked(hours, chunk):
        home.warehouse.write(table, table.empty(), piece)


def _emptying(home: Home, table: Table, hours: pd.DatetimeIndex, chunk: int) -> Callable[[], None]:
    return lambda: empty(home, table, hours, chunk)
