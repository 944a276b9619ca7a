"""The audit log: a record of every row that the registry ever stored, each holding the hash of the one before.

Whoever edits, removes, inserts or reorders a row, or a record, leaves a chain that does not fit together any more, or a
row that differs from its record. What the registry alone can't tell is that its newest rows were removed together with
their records: for this a witness outside remembers how long the chain was (`head`), and `find_tampering` is told.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, is_dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Connection, RowMapping, Table, insert, select

from mlreg_dagster.storage.registry.records import AuditRecord
from mlreg_dagster.storage.registry.schema import alias_events, audit_log, decisions, evaluations, model_versions

GENESIS = "0" * 64
AUDITED = {table.name: table for table in (model_versions, evaluations, decisions, alias_events)}


def record(connection: Connection, table: Table, row: RowMapping) -> None:
    """Add the record of a row that was just stored; the transaction must keep other writers out."""
    newest, previous = head(connection)
    sequence = newest + 1
    number, content = _key(table, row), canonical(row)
    connection.execute(
        insert(audit_log).values(
            sequence=sequence,
            kind=table.name,
            row=number,
            content=content,
            previous_hash=previous,
            hash=_hash(sequence, table.name, number, content, previous),
        )
    )


def head(connection: Connection) -> tuple[int, str]:
    """Sequence and hash of the newest record; 0 and zeros where there is none."""
    columns = select(audit_log.c.sequence, audit_log.c.hash).order_by(audit_log.c.sequence.desc()).limit(1)
    newest = connection.execute(columns).one_or_none()
    return (newest.sequence, newest.hash) if newest else (0, GENESIS)


def records(connection: Connection) -> Iterator[AuditRecord]:
    """The log, the first record first."""
    for row in connection.execute(select(audit_log).order_by(audit_log.c.sequence)).mappings():
        yield AuditRecord(**row)


def find_tampering(connection: Connection, witnessed: Iterable[tuple[int, str]] = ()) -> str | None:
    """The first thing that does not fit, in words; None if all does.

    Args:
        connection: That sees the registry as of one moment.
        witnessed: Sequence and hash of records that were there once, as others remember them.
    """
    chain: dict[int, str] = {}
    told: dict[tuple[str, int], AuditRecord] = {}
    previous = GENESIS
    for link in records(connection):
        if broken := _broken(link, len(chain) + 1, previous):
            return broken
        chain[link.sequence] = previous = link.hash
        told[link.kind, link.row] = link
    for sequence, known in witnessed:
        if chain.get(sequence) != known:
            found = f"has hash {chain[sequence]}" if sequence in chain else f"is missing: the log ends at {len(chain)}"
            return f"Record {sequence} was witnessed with hash {known}, but it {found}."
    return _differing_row(connection, told)


def _broken(link: AuditRecord, expected: int, previous: str) -> str | None:
    if link.sequence != expected:
        return f"Record {expected} is missing: after {expected - 1} comes {link.sequence}."
    if link.previous_hash != previous:
        return f"Record {link.sequence} ({link.kind} {link.row}) does not follow the record before it."
    if link.hash != _hash(link.sequence, link.kind, link.row, link.content, link.previous_hash):
        return f"Record {link.sequence} ({link.kind} {link.row}) was changed: its hash is of another content."
    return None


def _differing_row(connection: Connection, told: dict[tuple[str, int], AuditRecord]) -> str | None:
    """Rows against their records, in the order of the records; then rows that have none."""
    stored = {
        (name, _key(table, row)): canonical(row)
        for name, table in AUDITED.items()
        for row in connection.execute(select(table)).mappings()
    }
    for place, link in told.items():
        if place not in stored:
            return f"Record {link.sequence} tells of {link.kind} {link.row}, which is not there any more."
        if stored[place] != link.content:
            return f"Record {link.sequence} tells of {link.kind} {link.row} otherwise than it now is: it was edited."
    for name, number in stored:
        if (name, number) not in told:
            return f"{name} {number} has no record: it was put in past the registry."
    return None


def canonical(row: RowMapping) -> str:
    """A row as JSON of one form: sorted, without spaces, times in UTC."""
    return json.dumps(dict(row), sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no canonical form.")


def _key(table: Table, row: RowMapping) -> int:
    (column,) = table.primary_key.columns
    return int(row[column.name])


def _hash(sequence: int, kind: str, row: int, content: str, previous_hash: str) -> str:
    fields = json.dumps([sequence, kind, row, content, previous_hash], separators=(",", ":"))
    return hashlib.sha256(fields.encode()).hexdigest()
