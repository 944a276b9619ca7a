"""Reads Dagster's SQLite files without Dagster and without a trace: no byte changes, and no file is made beside them.

The files are private: they are read only where the installed release, the storage in `dagster.yaml` and the schema are
those that this was written for. What else holds is left to Dagster itself, or to its web server.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import yaml

from mlreg_dagster.config import plain_yaml
from mlreg_dagster.orchestration.dagster_internals.dagster_database import ELSEWHERE, UnknownStorage

_Answer = TypeVar("_Answer")

_RELEASES = "1.13."
_SCHEMA = "29b539ebc72a"  # the newest migration of the event log in these releases
_BASE_DIR = {"base_dir": {"env": "DAGSTER_HOME"}}
_STORAGES: tuple[Any, ...] = (
    None,
    {"sqlite": _BASE_DIR},
    {
        "custom": {
            "module": "mlreg_dagster.orchestration.dagster_internals.event_log",
            "class": "BatchedSqliteStorage",
            "config": _BASE_DIR,
        }
    },
)
_WAIT_S = 30.0
_TRIES, _PAUSE_S = 8, 0.04
_WITH_WRITE_AHEAD_LOG = b"\x02\x02"  # bytes 18 and 19 of such a file


class _NotClosed(UnknownStorage):
    """A log without its index: a writer ends just now, or was killed and the index removed."""


def event_log_file(dagster_home: Path) -> Path:
    """The file that holds the materializations and checks of all assets; it need not be there yet.

    Args:
        dagster_home: The folder of `dagster.yaml`.

    Raises:
        UnknownStorage: Another release or another storage.
    """
    _require_known(dagster_home)
    return dagster_home / "history" / "runs" / "index.db"


def runs_file(dagster_home: Path) -> Path:
    """The file that holds the runs; as `event_log_file`."""
    _require_known(dagster_home)
    return dagster_home / "history" / "runs.db"


def require_known_schema(connection: Any) -> None:
    """Refuse an event log of another schema; in SQLite and in PostgreSQL it is the same.

    Raises:
        UnknownStorage: It has another one.
    """
    if connection.execute("SELECT version_num FROM alembic_version").fetchall() != [(_SCHEMA,)]:
        raise UnknownStorage("Dagster's event log has a schema that this release does not know.")


def ask(file: Path, question: Callable[[sqlite3.Connection], _Answer], wait_s: float = _WAIT_S) -> _Answer:
    """The answer to a question about a file as of one moment, beside processes that write it.

    A write-ahead log is followed through the index that its writers share; that is not written to. Where nobody has the
    file open there is none, and SQLite would make one: the file is read as it lies then, and again if it was changed
    meanwhile.

    Args:
        file: An SQLite file.
        question: Gets a connection of its own; may be asked several times.
        wait_s: How long to wait for a writer, seconds.

    Raises:
        UnknownStorage: A process that was killed left a log without its index, or writers do not pause.
        sqlite3.Error: The file can't be read.
    """
    problem: Exception = UnknownStorage(f"{file.name} of Dagster is written without a pause. Ask again in a moment.")
    for attempt in range(_TRIES):
        time.sleep(_PAUSE_S if attempt else 0)
        before = _state(file)
        try:
            options, is_guarded = _options(file)
            with closing(sqlite3.connect(f"file:{quote(str(file))}?{options}", uri=True, timeout=wait_s)) as connection:
                connection.execute("BEGIN")  # one moment for all parts of a question
                answer = question(connection)
        except (sqlite3.OperationalError, _NotClosed) as error:  # also while a writer begins or ends
            problem = error
            continue
        except sqlite3.Error:
            if _state(file) == before:
                raise
            continue
        if is_guarded or _state(file) == before:
            return answer
    raise problem


def _options(file: Path) -> tuple[str, bool]:
    """How to open it, and whether SQLite's locks hold writers off meanwhile."""
    with file.open("rb") as opened:
        header = opened.read(20)
    if header[18:20] != _WITH_WRITE_AHEAD_LOG:
        return "mode=ro", True
    if _beside(file, "-shm").exists():
        return "mode=ro&readonly_shm=1", True
    log = _beside(file, "-wal")
    if log.exists() and log.stat().st_size:
        raise _NotClosed(f"{file.name} of Dagster was not closed, and a part of it lacks. Start Dagster once.")
    return "immutable=1", False


def _state(file: Path) -> tuple[Any, ...]:
    """What changes when the file or its log is written."""
    found: list[Any] = []
    for path in (file, _beside(file, "-wal"), _beside(file, "-shm")):
        try:
            stat = path.stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def require_known_release() -> None:
    """Refuse a release of Dagster whose tables are not known.

    Raises:
        UnknownStorage: It is one.
    """
    try:
        installed = version("dagster")
    except PackageNotFoundError:
        raise UnknownStorage("Dagster is not installed.") from None
    if not installed.startswith(_RELEASES):
        raise UnknownStorage(f"The files of Dagster {installed} are not known; those of {_RELEASES}x are.")


def _require_known(dagster_home: Path) -> None:
    require_known_release()
    config = dagster_home / "dagster.yaml"
    if not config.is_file():
        raise UnknownStorage(f"{dagster_home} is no Dagster home yet: the first run makes it.")
    try:
        values = plain_yaml.parse(config.read_text(encoding="utf-8")) or {}
    except (OSError, ValueError, yaml.YAMLError):
        raise UnknownStorage(f"{config} can't be read.") from None
    if not isinstance(values, dict) or values.get("storage") not in _STORAGES or values.keys() & set(ELSEWHERE):
        raise UnknownStorage(f"{config} names a storage that is not a folder of SQLite files.")
