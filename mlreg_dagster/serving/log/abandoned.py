"""Seals what processes that died left open; the segment of a process that lives is not touched."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mlreg_dagster.serving.log.lines import hour_of, lines_of
from mlreg_dagster.serving.log.segments import lock
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.prediction_log import SUFFIX, Layout, sealed_name

_log = logging.getLogger(__name__)


def seal_abandoned(layout: Layout) -> list[Path]:
    """Seal the open segments that no process holds any more; gives where they lie now."""
    found = []
    for path in sorted(layout.open.glob(f"*{SUFFIX}")) if layout.open.is_dir() else ():
        if path.is_symlink() or not path.is_file():
            continue
        with _locked(path) as is_ours:
            if is_ours and (sealed := _seal(layout, path)):
                found.append(sealed)
    return found


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether the file could be locked, and is the one that has the name."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:  # its process has sealed it
        yield False
        return
    try:
        yield lock(descriptor) and path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def _seal(layout: Layout, path: Path) -> Path | None:
    if not path.stat().st_size:
        path.unlink()
        return None
    with path.open("rb") as file:
        hours = sorted({hour for line in lines_of(file) if (hour := hour_of(line))})
    if not hours:  # a torn line alone
        hours = [datetime.fromtimestamp(path.stat().st_mtime, UTC)]
    layout.sealed.mkdir(private_files.OF_FOLDERS, exist_ok=True)
    target = layout.sealed / sealed_name(hours[0], hours[-1], path.stem)
    path.rename(target)
    _log.info("%s was left open by a process that died, and is sealed now: %s", path, target)
    return target
