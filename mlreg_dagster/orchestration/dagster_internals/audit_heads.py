"""Reads from Dagster's SQLite files or PostgreSQL what runs reported of the audit log, without importing Dagster.

Importing Dagster takes several times as long as everything else that a question to the registry needs. What
`dagster_files` does not know is left to Dagster (`instance.audit_anchors`).
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mlreg_dagster.orchestration.dagster_internals.dagster_database import UnknownStorage, database_url
from mlreg_dagster.orchestration.dagster_internals.dagster_files import (
    ask,
    event_log_file,
    require_known_release,
    require_known_schema,
)
from mlreg_dagster.registry.witness import AUDIT_HEAD, WITNESSING_ASSETS, Head, head_in
from mlreg_dagster.storage.postgres import PostgresUnavailable, connect, first_line

_KEYS = tuple(json.dumps([name]) for name in WITNESSING_ASSETS)
_AMONG_THEM = f"asset_key IN ({', '.join('{mark}' for _ in _KEYS)})"
_WIPED = f"SELECT count(*) FROM asset_keys WHERE asset_details IS NOT NULL AND {_AMONG_THEM}"  # noqa: S608 - ours
_EVENTS = (
    f"SELECT event FROM event_logs WHERE {_AMONG_THEM} "  # noqa: S608 - names of ours
    "AND dagster_event_type IN ('ASSET_MATERIALIZATION', 'ASSET_OBSERVATION') AND {position}(event, {mark}) > 0"
)
_SILENCE_S = 30.0


def recorded_heads(dagster_home: Path) -> set[Head] | None:
    """Sequence and hash of every record that a run reported as the newest one of its time.

    Args:
        dagster_home: The folder of `dagster.yaml`.

    Returns:
        None where only Dagster itself can tell: another release or storage, or assets that were wiped.
    """
    try:
        if url := database_url(dagster_home):
            return _recorded_in_postgres(url)
        file = event_log_file(dagster_home)
        return ask(file, _recorded_in_file) if file.exists() else set()
    except (UnknownStorage, PostgresUnavailable, OSError, sqlite3.Error, LookupError, TypeError, ValueError):
        return None  # Dagster says what is wrong


def _recorded_in_file(connection: sqlite3.Connection) -> set[Head]:
    return _recorded(connection, mark="?", position="instr")


def _recorded_in_postgres(url: str) -> set[Head]:
    """As of one moment, which readers of PostgreSQL hold without keeping a writer out."""
    require_known_release()
    with connect(url, silence_s=_SILENCE_S, purpose="witnesses") as connection:
        import psycopg

        try:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if connection.execute("SELECT to_regclass('event_logs')").fetchone() == (None,):
                return set()  # before the first run
            return _recorded(connection, mark="%s", position="strpos")
        except psycopg.Error as error:
            raise UnknownStorage(f"Dagster's database can't be read: {first_line(error, url)}.") from None


def _recorded(connection: Any, mark: str, position: str) -> set[Head]:
    """The heads, by a connection of either kind."""
    require_known_schema(connection)
    if connection.execute(_WIPED.format(mark=mark), _KEYS).fetchone() != (0,):
        raise UnknownStorage("Assets were wiped.")
    events = connection.execute(_EVENTS.format(mark=mark, position=position), (*_KEYS, f'"{AUDIT_HEAD}"'))
    return set(_heads(events))


def _heads(events: Iterable[tuple[str]]) -> Iterator[Head]:
    for (event,) in events:
        told = json.loads(event)["dagster_event"]["event_specific_data"]
        for entry in (told.get("materialization") or told["asset_observation"])["metadata_entries"]:
            if entry["label"] == AUDIT_HEAD:
                yield head_in(entry["entry_data"]["text"])
