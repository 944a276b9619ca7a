"""Materializations and checks of assets, read from Dagster's SQLite files; see `dagster_files` for which and how.

Each function answers as of one moment, leaves out what was recorded after `until`, and what was wiped. Where no run has
been recorded yet there is nothing.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from mlreg_dagster.orchestration.dagster_internals.dagster_files import (
    ask,
    event_log_file,
    require_known_schema,
    runs_file,
)

_Answer = TypeVar("_Answer")

_WAIT_S = 3.0
_ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
_VALUES = {"TextMetadataEntryData": "text", "MarkdownMetadataEntryData": "md_str", "JsonMetadataEntryData": "data"}
_VALUES |= dict.fromkeys(("IntMetadataEntryData", "FloatMetadataEntryData", "BoolMetadataEntryData"), "value")
_VALUES |= {"UrlMetadataEntryData": "url"}
_TABLE = "TableMetadataEntryData"
_COUNTS = (
    "asset_key = :key AND dagster_event_type = 'ASSET_MATERIALIZATION' AND (:until IS NULL OR timestamp < :until) "
    "AND timestamp > coalesce((SELECT wipe_timestamp FROM asset_keys WHERE asset_key = :key), '')"
)
_MAY_HAVE_PICTURES = """(instr(event, '": "![') > 0 OR event GLOB '*": "_[^_]*')"""
"""A value begins as a picture does, or as a sentence in italics; what begins with two lines below is Dagster's."""


@dataclass(frozen=True)
class Recorded:
    """A materialization, as it is recorded; `at` is cut to milliseconds, as the web server cuts it."""

    partition: str | None
    run_id: str
    at: datetime
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class RecordedCheck:
    """The newest execution of a check; `status` is that of the web server's answers."""

    name: str
    status: str
    partition: str | None
    severity: str | None
    description: str


class EventFiles:
    """The files of one Dagster home.

    Args:
        dagster_home: The folder of `dagster.yaml`.
        until: What was recorded later is left out; None: nothing is.
    """

    def __init__(self, dagster_home: Path, until: datetime | None = None) -> None:
        self._home = dagster_home
        self._until = None if until is None else _as_stored(_cut(until) + timedelta(milliseconds=1))

    def assets(self) -> list[str]:
        """The names of the assets that were materialized, sorted."""

        def question(connection: sqlite3.Connection) -> list[str]:
            keys = [key for (key,) in connection.execute("SELECT asset_key FROM asset_keys")]
            found = f"SELECT 1 FROM event_logs WHERE {_COUNTS} LIMIT 1"  # noqa: S608 - of constants
            return [key for key in keys if connection.execute(found, {"key": key, "until": self._until}).fetchone()]

        return sorted("/".join(json.loads(key)) for key in self._ask(question) or [])

    def materializations(
        self,
        asset: str,
        limit: int,
        partition: str | None = None,
        run_id: str | None = None,
        may_have_pictures: bool = False,
    ) -> list[Recorded]:
        """The newest materializations, the newest first.

        Args:
            asset: Of which.
            limit: How many at most.
            partition: Of this one alone.
            run_id: Of this run alone.
            may_have_pictures: Only those with a value that begins as a picture does.
        """
        wanted = {"key": _key(asset), "until": self._until, "partition": partition, "run": run_id, "limit": limit}
        query = (
            f"SELECT event FROM event_logs WHERE {_COUNTS} "  # noqa: S608 - of constants
            f"{'AND partition = :partition ' if partition is not None else ''}"
            f"{'AND run_id = :run ' if run_id is not None else ''}"
            f"{f'AND {_MAY_HAVE_PICTURES} ' if may_have_pictures else ''}"
            "ORDER BY id DESC LIMIT :limit"
        )

        def question(connection: sqlite3.Connection) -> list[Recorded]:
            return [_recorded(event) for (event,) in connection.execute(query, wanted)]

        return self._ask(question) or []

    def partitions(self, asset: str) -> set[str]:
        """The keys of the partitions that were materialized."""
        query = f"SELECT DISTINCT partition FROM event_logs WHERE {_COUNTS} AND partition IS NOT NULL"  # noqa: S608

        def question(connection: sqlite3.Connection) -> set[str]:
            return {key for (key,) in connection.execute(query, {"key": _key(asset), "until": self._until})}

        return self._ask(question) or set()

    def checks(self, asset: str, partition: str | None = None) -> list[RecordedCheck]:
        """The newest execution of each check, by name; of all partitions where none is named.

        A run over a range of partitions plans a check for each and records one result without a partition: that one is
        given for a partition of the range.
        """
        query = (
            "SELECT check_name, execution_status, partition, run_id, evaluation_event FROM asset_check_executions "
            "WHERE id IN (SELECT max(id) FROM asset_check_executions WHERE asset_key = :key "
            "AND (:partition IS NULL OR partition = :partition) "
            "AND (:until IS NULL OR coalesce(evaluation_event_timestamp, create_timestamp) < :until) "
            "GROUP BY check_name) ORDER BY check_name"
        )
        wanted = {"key": _key(asset), "partition": partition, "until": self._until}

        def question(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            rows = connection.execute(query, wanted).fetchall()
            return [_of_the_range(connection, _key(asset), *row) if row[1] == "PLANNED" else row for row in rows]

        return [self._check(*row) for row in self._ask(question) or []]

    @cached_property
    def _event_log(self) -> Path:
        return event_log_file(self._home)

    def _check(self, name: str, status: str, partition: str | None, run_id: str, event: str | None) -> RecordedCheck:
        if status == "PLANNED":
            return RecordedCheck(name, self._status_of_planned(run_id), partition, None, "")
        result = json.loads(event or "{}")["dagster_event"]["event_specific_data"]
        severity = result["severity"]["__enum__"].rpartition(".")[2]
        return RecordedCheck(name, status, partition, severity, result["description"] or "")

    def _status_of_planned(self, run_id: str) -> str:
        """Of a check without a result: it follows from its run."""

        def question(connection: sqlite3.Connection) -> str | None:
            row = connection.execute("SELECT status FROM runs WHERE run_id = ?", (run_id,)).fetchone()
            return None if row is None else str(row[0])

        status = ask(runs_file(self._home), question, _WAIT_S)
        if status is not None and status not in _ENDED:
            return "IN_PROGRESS"
        return "EXECUTION_FAILED" if status == "FAILURE" else "SKIPPED"

    def _ask(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer | None:
        def known(connection: sqlite3.Connection) -> _Answer:
            require_known_schema(connection)
            return question(connection)

        with suppress(FileNotFoundError):
            return ask(self._event_log, known, _WAIT_S)
        return None


def _of_the_range(
    connection: sqlite3.Connection, key: str, name: str, status: str, partition: str | None, run_id: str, event: None
) -> tuple[Any, ...]:
    """The result of a check that was planned for a partition, as its run recorded it without one; else as it was."""
    row = connection.execute(
        "SELECT execution_status, evaluation_event FROM asset_check_executions WHERE asset_key = ? AND check_name = ? "
        "AND run_id = ? AND partition IS NULL AND evaluation_event IS NOT NULL ORDER BY id DESC LIMIT 1",
        (key, name, run_id),
    ).fetchone()
    return (name, status, partition, run_id, event) if row is None else (name, row[0], partition, run_id, row[1])


def _key(asset: str) -> str:
    return json.dumps(asset.split("/"))


def _as_stored(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _cut(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _recorded(event: str) -> Recorded:
    entry = json.loads(event)
    made = entry["dagster_event"]["event_specific_data"]["materialization"]
    at = datetime.fromtimestamp(int(entry["timestamp"] * 1000) / 1000, UTC)
    return Recorded(made["partition"], entry["run_id"], _cut(at), dict(_metadata(made["metadata_entries"])))


def _metadata(entries: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    for entry in entries:
        data = entry["entry_data"]
        kind = data["__class__"]
        if kind == _TABLE:
            yield entry["label"], [record["data"] for record in data["records"]]
        else:
            yield entry["label"], data[_VALUES[kind]] if kind in _VALUES else None
