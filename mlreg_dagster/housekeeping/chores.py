"""What in a home may go, by retention.yaml; each chore may be done again, and a kill half way loses nothing else."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pandas as pd
from upath import UPath

from mlreg_dagster.config import Settings
from mlreg_dagster.hours import chunked
from mlreg_dagster.housekeeping.compaction import compact, free_share
from mlreg_dagster.housekeeping.drafts import drafts, remove
from mlreg_dagster.housekeeping.home import Home
from mlreg_dagster.market.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.storage.landing import A_PAYLOAD
from mlreg_dagster.storage.tables import Table

_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Chore:
    """Something to be cleared away.

    Attributes:
        name: What it is.
        found: How much of it there is, in words.
        do: Clears it away.
    """

    name: str
    found: str
    do: Callable[[], object]


def chores(home: Home, settings: Settings, now: pd.Timestamp) -> Iterator[Chore]:
    """What may go, one after the other: each is looked for when those before it may have been done.

    Ages are told against the newest snapshot, so that a recorded market of years ago is not old as a whole.

    Args:
        home: What to look at.
        settings: The policy, and what the tables look like.
        now: The machine's time, against which the age of drafts is told.
    """
    if left := drafts(home, now):
        yield Chore("drafts", f"{len(left)} left by processes that died", lambda: _remove_drafts(home, now))
    if not home.warehouse.path.exists():
        return
    newest, policy = home.warehouse.newest(MARKET_SNAPSHOT), settings.retention
    if newest is not None:
        if policy.raw_days and (old := _old_payloads(home, newest, settings)):
            yield Chore("raw payloads", f"of {len(old)} hours", lambda: _remove_payloads(old))
        for table, days in (
            (features_table(settings.features), policy.feature_days),
            (MARKET_SNAPSHOT, policy.snapshot_days),
        ):
            if days and len(hours := _hours_before(home, table, newest - days * _DAY)):
                words = f"{len(hours)} hours up to {hours.max():%Y-%m-%d %H:%M}"
                yield Chore(f"rows of {table.name}", words, _emptying(home, table, hours, settings.ingest.chunk_hours))
    share = free_share(home.warehouse)
    if share > 0 and share >= policy.compact_free_share:
        yield Chore("free room", f"{share:.0%} of {home.warehouse.path}", lambda: compact(home.warehouse))


def _remove_drafts(home: Home, now: pd.Timestamp) -> None:
    for path in drafts(home, now):
        remove(path)


def _old_payloads(home: Home, newest: pd.Timestamp, settings: Settings) -> list[UPath]:
    """Folders of hours that are older than the policy says and stored; each source's newest listing is used on."""
    policy = settings.retention
    before = newest - (policy.raw_days or 0) * _DAY
    stored = set(_hours_before(home, MARKET_SNAPSHOT, before))
    tidied_before = newest - policy.snapshot_days * _DAY if policy.snapshot_days else None
    root, old = home.landing.root, []
    for source, kind in home.landing.kinds():
        for hour in list(home.landing.hours(source, kind))[1:]:
            is_stored = hour in stored or (tidied_before is not None and hour < tidied_before)
            folder = root / source / kind / f"{hour:%Y-%m-%d}" / f"{hour:%H}"
            if hour < before and is_stored and any(A_PAYLOAD.fullmatch(path.name) for path in folder.iterdir()):
                old.append(folder)
    return old


def _remove_payloads(folders: Iterable[UPath]) -> None:
    """The payloads in these folders; what else lies there, and then the folder, stays."""
    for folder in folders:
        found = list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
        ours = [path for path in found if A_PAYLOAD.fullmatch(path.name) and path.is_file() and not path.is_symlink()]
        for path in sorted(ours, key=lambda path: path.suffix):  # each body before what describes it
            path.unlink()
        if found and len(ours) == len(found):
            folder.rmdir()


def _hours_before(home: Home, table: Table, before: pd.Timestamp) -> pd.DatetimeIndex:
    rows = home.warehouse.read(table, None, before, columns=["hour"])
    hours = pd.DatetimeIndex(rows["hour"].unique())
    return hours[hours < before]


def _emptying(home: Home, table: Table, hours: pd.DatetimeIndex, chunk: int) -> Callable[[], None]:
    def empty() -> None:
        for piece in chunked(hours, chunk):
            home.warehouse.write(table, table.empty(), piece)

    return empty
