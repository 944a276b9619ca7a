"""Writes the audit log, or its head alone, as lines that others can verify."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mlreg_dagster.core.times import plain
from mlreg_dagster.governance.audit_export.lines import HEADER, Head, Line, Record
from mlreg_dagster.registry import AuditRecord
from mlreg_dagster.registry.audit import GENESIS
from mlreg_dagster.registry.database.schema import policies


def export(log: Sequence[AuditRecord], head: Head) -> Iterator[Line]:
    """The lines of an export: the header, the records, and the head."""
    yield HEADER
    for each in log:
        yield Record(
            sequence=each.sequence,
            kind=each.kind,
            row=each.row,
            content=each.content,
            previous_hash=each.previous_hash,
            hash=each.hash,
        )
    yield head


def head_of(
    log: Sequence[AuditRecord], now: datetime, *, witnesses: int = 0, key: Ed25519PrivateKey | None = None
) -> Head:
    """The head of a log.

    Args:
        log: The whole of it.
        now: When the head is written.
        witnesses: How many independent witnesses it agreed with.
        key: Of the person who vouches for it; None: it is not signed.
    """
    head = Head(
        sequence=log[-1].sequence if log else 0,
        hash=log[-1].hash if log else GENESIS,
        time=plain(now).isoformat(),
        witnesses=witnesses,
        keys=_public_keys(log),
        public_key=None,
        signature=None,
    )
    return head if key is None else head.signed(key)


def _public_keys(log: Sequence[AuditRecord]) -> dict[str, str]:
    """The keys of the people whom the newest policy on record names."""
    newest = next((each for each in reversed(log) if each.kind == policies.name), None)
    if newest is None:
        return {}
    people = json.loads(newest.content)["content"].get("promotion", {}).get("people", {})
    return {name: person["public_key"] for name, person in people.items() if person.get("public_key")}
