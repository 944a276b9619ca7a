"""Reads from Dagster's SQLite files what runs reported of the audit log, without importing Dagster.

Importing Dagster takes several times as long as everything else that a question to the registry needs. Files that
`dagster_files` does not know are left to Dagster (`instance.audit_anchors`).
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mlreg_dagster.orchestration.dagster_internals.dagster_files import (
    UnknownStorage,
    ask,
    event_log_file,
    require_known_schema,
)
from mlreg_dagster.registry.witness import AUDIT_HEAD, WITNESSING_ASSETS, Head, head_in

_KEYS = tuple(json.dumps([name]) for name in WITNESSING_ASSETS)
_AMONG_THEM = f"asset_key IN ({', '.join('?' for _ in _KEYS)})"


def recorded_heads(dagster_home: Path) -> set[Head] | None:
    """Sequence and hash of every record that a run reported as the newest one of its time.

    Args:
        dagster_home: The folder of `dagster.yaml`.

    Returns:
        None where only Dagster itself can tell: another release or storage, or assets that were wiped.
    """
    try:
        file = event_log_file(dagster_home)
        return ask(file, _recorded) if file.exists() else set()
    except (UnknownStorage, OSError, sqlite3.Error, LookupError, TypeError, ValueError):  # Dagster says what is wrong
        return None


def _recorded(connection: sqlite3.Connection) -> set[Head]:
    require_known_schema(connection)
    wiped = f"SELECT count(*) FROM asset_keys WHERE asset_details IS NOT NULL AND {_AMONG_THEM}"  # noqa: S608
    if connection.execute(wiped, _KEYS).fetchone() != (0,):
        raise UnknownStorage("Assets were wiped.")
    return set(_heads(connection))


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
