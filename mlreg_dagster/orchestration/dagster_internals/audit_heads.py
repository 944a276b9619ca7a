"""Reads from Dagster's SQLite files what runs reported of the audit log, without importing Dagster.

Importing Dagster takes several times as long as everything else that a question to the registry needs. Its files are
private: they are read here only where the installed release, the schema of the file and the storage in `dagster.yaml`
are those that this was written for. Everything else is left to Dagster (`instance.audit_anchors`).
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from mlreg_dagster.config import plain_yaml
from mlreg_dagster.registry.witness import AUDIT_HEAD, WITNESSING_ASSETS, Head, head_in

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
_ELSEWHERE = ("event_log_storage", "local_artifact_storage", "instance_class")
_WAIT_S = 30.0
_KEYS = tuple(json.dumps([name]) for name in WITNESSING_ASSETS)
_AMONG_THEM = f"asset_key IN ({', '.join('?' for _ in _KEYS)})"


def recorded_heads(dagster_home: Path) -> set[Head] | None:
    """Sequence and hash of every record that a run reported as the newest one of its time.

    Args:
        dagster_home: The folder of `dagster.yaml`.

    Returns:
        None where only Dagster itself can tell: another release or storage, or assets that were wiped.
    """
    if not (_is_known_release() and _keeps_its_files_here(dagster_home / "dagster.yaml")):
        return None
    file = dagster_home / "history" / "runs" / "index.db"
    if not file.exists():
        return set()
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=_WAIT_S)) as connection:
            if not _is_known(connection):
                return None
            return set(_heads(connection))
    except (sqlite3.Error, LookupError, TypeError, ValueError):  # Dagster says what is wrong with it
        return None


def _is_known_release() -> bool:
    try:
        return version("dagster").startswith(_RELEASES)
    except PackageNotFoundError:
        return False


def _keeps_its_files_here(config: Path) -> bool:
    try:
        values = plain_yaml.parse(config.read_text(encoding="utf-8")) or {}
    except (OSError, ValueError, yaml.YAMLError):
        return False
    return isinstance(values, dict) and values.get("storage") in _STORAGES and not values.keys() & set(_ELSEWHERE)


def _is_known(connection: sqlite3.Connection) -> bool:
    if connection.execute("SELECT version_num FROM alembic_version").fetchall() != [(_SCHEMA,)]:
        return False
    wiped = f"SELECT count(*) FROM asset_keys WHERE asset_details IS NOT NULL AND {_AMONG_THEM}"  # noqa: S608
    return bool(connection.execute(wiped, _KEYS).fetchone() == (0,))


def _heads(connection: sqlite3.Connection) -> Iterator[Head]:
    events = connection.execute(
        f"SELECT event FROM event_logs WHERE {_AMONG_THEM} "  # noqa: S608 - names of ours
        "AND dagster_event_type IN ('ASSET_MATERIALIZATION', 'ASSET_OBSERVATION') AND instr(event, ?) > 0",
        (*_KEYS, f'"{AUDIT_HEAD}"'),
    )
    for (event,) in events:
        told = json.loads(event)["dagster_event"]["event_specific_data"]
        for entry in (told.get("materialization") or told["asset_observation"])["metadata_entries"]:
            if entry["label"] == AUDIT_HEAD:
                yield head_in(entry["entry_data"]["text"])
