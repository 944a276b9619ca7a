"""Checks of files in a home: payloads, drafts of dead processes, free disk space."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from upath import UPath

from mlreg_dagster.config.places import warehouse_file
from mlreg_dagster.core.health import Finding
from mlreg_dagster.core.times import plain
from mlreg_dagster.operations.home import Home, materialize, set_aside
from mlreg_dagster.operations.retention.drafts import drafts, remains
from mlreg_dagster.storage.landing import PayloadDamaged
from mlreg_dagster.storage.prediction_log import layout_of, waiting_hours

_LEAST_FREE_BYTES = 1 << 30
_LATEST_COMPACTION = pd.Timedelta(hours=3)
_SHOWN = 3
_MB = 1 << 20


def payloads_can_be_read(home: Home) -> Finding:
    """Every landed body is whole, and its description lies beside it; an object store's are counted, not read."""
    if home.landing.local is None:
        there = {str(path) for path in home.landing.stored()}
        bodies = sorted(name for name in there if name.endswith(".gz"))
        broken = [name for name in bodies if f"{name.removesuffix('.gz')}.json" not in there]
        well = f"All {len(bodies)} in {home.landing.root} are described; they are not read for this."
    else:
        files = sorted(home.landing.local.rglob("*.gz"))
        bodies = [str(path) for path in files]
        broken = [str(path) for path in files if not path.with_suffix(".json").exists() or not _is_whole(home, path)]
        well = f"All {len(bodies)} landed ones can be read."
    if not broken:
        return Finding("payloads", "ok", well)
    names = ", ".join(broken[:_SHOWN])
    seen = f"{len(broken)} of {len(bodies)} can't be read, or nothing says where they came from: {names}."
    return Finding(
        "payloads", "miss", seen, f"Restore them from a copy, or set them aside: {set_aside(home.folder, broken[0])}"
    )


def _is_whole(home: Home, path: Path) -> bool:
    try:
        home.landing.read(UPath(path))
    except (PayloadDamaged, OSError):
        return False
    return True


def nothing_is_left_behind(home: Home, now: pd.Timestamp) -> Finding:
    """No draft of a process that died."""
    elsewhere = "" if home.artifacts.local is not None else f" Of {home.artifacts.root}, see unreferenced objects."
    if found := drafts(home, now):
        names = ", ".join(str(path) for path in found[:_SHOWN])
        seen = f"{len(found)} were left by processes that died: {names}.{elsewhere}"
        return Finding("drafts", "miss", seen, "mlreg prune")
    return Finding("drafts", "ok", f"None was left behind.{elsewhere}")


def every_object_belongs_to_a_bundle(home: Home, now: pd.Timestamp) -> Iterator[Finding]:
    """An object store of artifacts holds nothing of writers that died or were beaten."""
    if home.artifacts.local is not None:
        return
    if found := remains(home, now):
        half = {place.rpartition("/")[0] for place in found}
        seen = f"{len(found)} in {len(half)} folders were left by writers that died or were beaten: "
        seen += f"{', '.join(found[:_SHOWN])}. No bundle refers to them, and none is harmed."
        yield Finding("unreferenced objects", "miss", seen, "mlreg prune")
    else:
        yield Finding("unreferenced objects", "ok", f"None in {home.artifacts.root} is older than a day.")


def prediction_log_is_stored(home: Home, now: pd.Timestamp) -> Iterator[Finding]:
    """No segment of an hour that ended long ago waits for its compaction, and every line could be read."""
    log = layout_of(home.folder)
    if not log.root.is_dir():
        return
    name = "prediction log"
    aside = sorted(log.aside.iterdir()) if log.aside.is_dir() else []
    if late := waiting_hours(log, plain(now - _LATEST_COMPACTION)):
        hours = pd.DatetimeIndex(late)
        seen = f"Segments of {len(hours)} hours, from {hours[0]:%Y-%m-%d %H:%M} on, wait for their compaction."
        yield Finding(name, "miss", seen, f"Switch served_sensor on, or: {materialize('served_predictions', hours)}")
    elif aside:
        names = ", ".join(path.name for path in aside[:_SHOWN])
        seen = f"{len(aside)} files hold lines that could not be read: {names}."
        yield Finding(name, "warning", seen, f"Look at them in {log.aside}, then move them away; see docs/runbook.md.")
    else:
        yield Finding(name, "ok", "All segments of hours that have ended are stored, and each line could be read.")


def there_is_room(home: Home) -> Finding:
    """A gigabyte is free, and enough to compact the tables."""
    file = warehouse_file(home.folder)  # none where a lake has the tables
    tables = file.stat().st_size if file.exists() else 0
    wanted, free = max(_LEAST_FREE_BYTES, 2 * tables), shutil.disk_usage(home.folder).free
    seen = f"{free / _MB:,.0f} MB free on the disk of {home.folder}"
    seen += f"; the tables take {tables / _MB:,.0f} MB." if home.warehouse.mirror is not None else "."
    if free >= wanted:
        return Finding("disk", "ok", seen)
    advice = f"Make room: {wanted / _MB:,.0f} MB should be free. mlreg prune --dry-run says what could go."
    return Finding("disk", "miss", seen, advice)
