"""The audit log: a record of every row that the registry ever stored, each holding the hash of the one before.

An edit, removal, insertion or reordering of a row, or of a record, leaves a chain that does not fit together any more,
or a row that differs from its record. A row is compared as the database keeps it, not only as it reads: another
spelling of the same value changes what queries find. What the registry alone can't show is that its newest rows were
removed together with their records: for this a witness outside remembers how long the chain was (`head`), and its
memory is given to `find_tampering`.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, insert, select
from sqlalchemy.exc import DBAPIError

from mlreg_dagster.registry.database import stored
from mlreg_dagster.registry.database.schema import (
    ADDED_LATER,
    MUTABLE,
    audit_log,
    metadata,
    restores,
    schema_version,
)
from mlreg_dagster.registry.entries import differing_entry
from mlreg_dagster.registry.errors import InvalidRecord, RegistryDamaged
from mlreg_dagster.registry.records.models import AuditRecord, GateResult

GENESIS = "0" * 64
AUDITED = {
    table.name: table
    for table in metadata.sorted_tables
    if table.name not in {audit_log.name, schema_version.name, *MUTABLE}
}
UNREADABLE = (
    ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, DBAPIError, InvalidRecord,
)  # fmt: skip
"""What reading a cell raises that something other than this project wrote."""


def record(connection: Connection, table: Table, row: RowMapping) -> None:
    """Add the record of a row that was just stored; the transaction must keep other writers out."""
    newest, previous = head(connection)
    sequence = newest + 1
    number, content = _key(table, row), canonical(table, row)
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


def has(connection: Connection, sequence: int, digest: str) -> bool:
    """Whether the log holds this record; the one before the first is always there."""
    found = connection.scalar(select(audit_log.c.hash).where(audit_log.c.sequence == sequence))
    return found == digest if sequence else True


def records(connection: Connection) -> list[AuditRecord]:
    """The log, the first record first.

    Raises:
        RegistryDamaged: A record can't be read.
    """
    try:
        return [AuditRecord(**row) for row in _log(connection)]
    except UNREADABLE as error:
        raise RegistryDamaged(
            f"The audit log can't be read: {error}. `mlreg audit verify` names the record."
        ) from error


def find_tampering(connection: Connection, witnessed: Iterable[tuple[int, str]] = ()) -> str | None:
    """The first thing that does not fit, in words; None if all does.

    Args:
        connection: That sees the registry as of one moment.
        witnessed: Sequence and hash of records that were there once, as others remember them.
    """
    chain: dict[int, str] = {}
    by_row: dict[tuple[str, int], AuditRecord] = {}
    previous = GENESIS
    for row in _log(connection):
        link = AuditRecord(**row)
        if broken := broken_link(link, len(chain) + 1, previous):
            return broken
        chain[link.sequence] = previous = link.hash
        by_row[link.kind, link.row] = link
    for sequence, known in sorted(set(witnessed) - _lost_in_restores(by_row)):
        if chain.get(sequence) != known:
            found = f"has hash {chain[sequence]}" if sequence in chain else f"is missing: the log ends at {len(chain)}"
            return (
                f"Record {sequence} was witnessed with hash {known}, but it {found}. If an older copy of the registry "
                f'was put back, record it: mlreg restore --reason "…".'
            )
    return _differing_row(connection, by_row) or differing_entry(connection)


def _lost_in_restores(by_row: Mapping[tuple[str, int], AuditRecord]) -> set[tuple[int, str]]:
    """The records that a restore from an older copy is on record to have lost; read from the log, which is intact."""
    facts = [json.loads(link.content)["facts"] for (kind, _), link in by_row.items() if kind == restores.name]
    return {(int(sequence), str(known)) for each in facts for sequence, known in each.get("lost_records", ())}


def canonical(table: Table, row: RowMapping) -> str:
    """A row as JSON of one form: sorted, without spaces, times in UTC."""
    later = ADDED_LATER.get(table.name, frozenset())
    return canonical_json({name: value for name, value in row.items() if value is not None or name not in later})


def canonical_json(content: Mapping[str, Any]) -> str:
    """A mapping as JSON of one form, which hashes are taken of."""
    return json.dumps(dict(content), sort_keys=True, separators=(",", ":"), default=_plain)


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical form."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _log(connection: Connection) -> Iterator[RowMapping]:
    yield from connection.execute(select(audit_log).order_by(audit_log.c.sequence)).mappings()


def broken_link(link: AuditRecord, expected: int, previous: str) -> str | None:
    """What is wrong with a record, in words; None if it is whole and follows the one before.

    Args:
        link: The record.
        expected: Its sequence.
        previous: The hash of the record before.
    """
    if link.sequence != expected:
        return f"Record {expected} is missing: after {expected - 1} comes {link.sequence}."
    texts = (link.kind, link.content, link.previous_hash, link.hash)
    if not isinstance(link.row, int) or not all(isinstance(text, str) for text in texts):
        return f"Record {link.sequence} was changed: it holds values of other types."
    if link.previous_hash != previous:
        return f"Record {link.sequence} ({link.kind!a} {link.row}) does not follow the record before it."
    if link.hash != _hash(link.sequence, link.kind, link.row, link.content, link.previous_hash):
        return f"Record {link.sequence} ({link.kind!a} {link.row}) was changed: its hash is of another content."
    return None


def _differing_row(connection: Connection, by_row: dict[tuple[str, int], AuditRecord]) -> str | None:
    """Rows against their records, in the order of the records; then rows that have none."""
    found = {(name, number): row for name, table in AUDITED.items() for number, row in _rows(connection, table)}
    for place, link in by_row.items():
        if place not in found:
            return f"Record {link.sequence} tells of {link.kind} {link.row}, which is not there any more."
        content, problem = found[place]
        if problem is not None:
            return f"Record {link.sequence} tells of {link.kind} {link.row}, which was edited: {problem}."
        if content != link.content:
            return f"Record {link.sequence} tells of {link.kind} {link.row} otherwise than it now is: it was edited."
    for name, number in found:
        if (name, number) not in by_row:
            return f"{name} {number} has no record: it was put in past the registry."
    return None


def _rows(connection: Connection, table: Table) -> Iterator[tuple[int, tuple[str, str | None]]]:
    """Key of each row, its canonical form, and what is wrong with the way in which it is kept."""
    kept = stored.cells(connection, table)
    try:
        rows = {_key(table, row): row for row in connection.execute(select(table)).mappings()}
    except UNREADABLE:  # one damaged cell costs the whole answer: read row by row, and name it
        rows = {}
    (key,) = table.primary_key.columns
    for number, cells in kept.items():
        try:
            row = rows.get(number) or connection.execute(select(table).where(key == number)).mappings().one()
            yield number, (canonical(table, row), stored.misspelled(table, row, cells))
        except UNREADABLE as error:
            yield number, ("", f"it can't be read ({type(error).__name__}: {str(error)[:100]!a})")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, GateResult):
        return value.kept
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no canonical form.")


def _key(table: Table, row: RowMapping) -> int:
    (column,) = table.primary_key.columns
    return int(row[column.name])


def _hash(sequence: int, kind: str, row: int, content: str, previous_hash: str) -> str:
    fields = json.dumps([sequence, kind, row, content, previous_hash], separators=(",", ":"))
    return hashlib.sha256(fields.encode()).hexdigest()
