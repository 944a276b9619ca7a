"""What dead processes left behind in a home: known by its exact name, place and kind, and by nothing less.

A home also holds what people put there. So a name that merely looks like one of ours is none, a folder of ours goes
only when all that is in it is ours, and nothing is looked at or removed through a link.
"""

import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd

from mlreg_dagster.config.places import warehouse_file
from mlreg_dagster.operations.home import Home
from mlreg_dagster.storage.artifacts import SUMS, RemoteArtifactStore
from mlreg_dagster.storage.landing import A_DRAFT
from mlreg_dagster.storage.mirror import FILES, draft_of
from mlreg_dagster.storage.prediction_log import layout_of

LEFT_BEHIND_AFTER = pd.Timedelta(hours=1)
"""No draft is written for so long: an older one was left by a process that died."""

UNREFERENCED_AFTER = pd.Timedelta(days=1)
"""No bundle is written for so long, on a host whose clock is far off or through a line that is slow, either."""

_SPILLED = re.compile(r"duckdb_temp_(storage_\w+-\d+\.tmp|block-\d+\.block)")
_BUNDLE = re.compile(r"\.[A-Za-z0-9_-]+\.(draft|old)")
_IN_BUNDLE = re.compile(rf"card\.(html|md|json)|{SUMS}")
_IN_ARTIFACT = re.compile(r"(?!\.)[A-Za-z0-9._-]+")
_HOUR_DRAFT, _LINES_DRAFT = re.compile(r"\d{8}T\d{2}\.draft"), re.compile(r"\d{8}T\d{2}_[\w-]+\.draft", re.ASCII)
_RUN_LOG = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.\d+\.new")


def drafts(home: Home, now: pd.Timestamp) -> list[Path]:
    """Unfinished files and folders on the local disk; living processes may still write younger ones."""
    return [path for path in _ours(home) if _modified(path) < now - LEFT_BEHIND_AFTER]


def remains(home: Home, now: pd.Timestamp) -> list[str]:
    """What dead or beaten writers left on an object store of artifacts, by its place; nothing refers to it."""
    store = home.artifacts
    if not isinstance(store, RemoteArtifactStore):
        return []
    return [f"{store.root}/{key}" for key in store.remains((now - UNREFERENCED_AFTER).to_pydatetime())]


def remove_remains(home: Home, now: pd.Timestamp) -> None:
    """Remove what `remains` finds, if it is still found."""
    if isinstance(home.artifacts, RemoteArtifactStore):
        home.artifacts.remove_remains((now - UNREFERENCED_AFTER).to_pydatetime())


def remove(path: Path) -> None:
    """Remove what `drafts` found; a folder with its files. What has become something else meanwhile stays."""
    if _is(path, stat.S_ISDIR):
        for each in path.iterdir():
            if _is(each, stat.S_ISREG):
                each.unlink()
        with suppress(OSError):  # something else was put into it: not ours to remove
            path.rmdir()
    elif _is(path, stat.S_ISREG):
        path.unlink()


def _ours(home: Home) -> Iterator[Path]:
    tables = warehouse_file(home.folder)
    names = {f"{tables.stem}{compacted}.new{log}" for compacted in ("", ".compacted") for log in ("", ".wal")}
    yield from _files(tables.parent, lambda name: name in names)
    for spilled in (f"{tables.name}.tmp", f"{tables.stem}.new.tmp", f"{tables.stem}.compacted.new.tmp"):
        yield from _folder_of(tables.parent / spilled, _SPILLED)
    if home.artifacts.local is not None:
        yield from _folder_of(home.artifacts.local / ".staging", _IN_ARTIFACT)
    if home.mirror.local is not None:
        of_mirror = {draft_of(name) for name in FILES}
        yield from _files(home.mirror.local, lambda name: name in of_mirror)
    if (mirror := home.warehouse.mirror) is not None:
        for each in mirror.layout.folders():
            yield from _files(each, mirror.layout.is_draft)
    if _is(bundles := home.folder / "bundles", stat.S_ISDIR):
        for path in sorted(bundles.iterdir()):
            if _BUNDLE.fullmatch(path.name):
                yield from _folder_of(path, _IN_BUNDLE)
    yield from _files(home.folder / "dagster", lambda name: name == "dagster.draft")
    yield from _files(home.folder / "dagster" / "history" / "runs", lambda name: _RUN_LOG.fullmatch(name) is not None)
    log = layout_of(home.folder)
    yield from _files(log.hours, lambda name: _HOUR_DRAFT.fullmatch(name) is not None)
    yield from _files(log.aside, lambda name: _LINES_DRAFT.fullmatch(name) is not None)
    for folder in home.landing.folders() if home.landing.local is not None else ():
        yield from _files(Path(str(folder)), lambda name: A_DRAFT.fullmatch(name) is not None)


def _files(folder: Path, is_ours: Callable[[str], bool]) -> Iterator[Path]:
    if _is(folder, stat.S_ISDIR):
        yield from (path for path in sorted(folder.iterdir()) if is_ours(path.name) and _is(path, stat.S_ISREG))


def _folder_of(folder: Path, named: re.Pattern[str]) -> Iterator[Path]:
    """The folder, if it holds nothing but files of such names."""
    if _is(folder, stat.S_ISDIR) and all(
        named.fullmatch(path.name) and _is(path, stat.S_ISREG) for path in folder.iterdir()
    ):
        yield folder


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    return kind(mode)


def _modified(path: Path) -> pd.Timestamp:
    return pd.Timestamp(path.lstat().st_mtime, unit="s", tz="UTC")
