"""Reads and verifies exports and published heads; it needs neither a registry nor a home.

Whether a log agrees with them is asked in `witnesses`.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mlreg_dagster.governance.audit_export.lines import Head, Header, NotAsWritten, Record, read
from mlreg_dagster.governance.audit_export.signatures import DECIDED
from mlreg_dagster.governance.audit_export.witnesses import Claim, Published
from mlreg_dagster.registry import AuditRecord
from mlreg_dagster.registry.audit import GENESIS, broken_link
from mlreg_dagster.registry.database import schema
from mlreg_dagster.registry.records.governance import Restore

RESTORES = schema.restores.name
"""The kind of the records that say that a copy of the registry was put back."""


@dataclass(frozen=True)
class Export:
    """A file whose chain is whole.

    Attributes:
        chain: The hash of each record by its sequence; 0 is the beginning.
        head: Its last line.
        restores: The records that say that a copy of the registry was put back.
        decided: The records that people sign.
    """

    chain: Mapping[int, str]
    head: Head
    restores: tuple[Restore, ...]
    decided: tuple[AuditRecord, ...]


def verify(path: Path, keys: Collection[str] = ()) -> Export:
    """Look for any edit, cut, insertion or reordering in an export.

    Args:
        path: The file.
        keys: Public keys in base64, of which one must have signed the head; empty: any may have, or none.

    Raises:
        NotAsWritten: Something is wrong; the first line that is, is named.
        MlregError: The file can't be read.
    """
    chain, previous = {0: GENESIS}, GENESIS
    head: Head | None = None
    found: list[Restore] = []
    decided: list[AuditRecord] = []
    for number, (where, line) in enumerate(read(path)):
        if head is not None:
            raise NotAsWritten(f"{where}: it stands after the head, which is the last line of an export.")
        if isinstance(line, Header) != (number == 0):
            raise NotAsWritten(f"{where}: the header is the first line of an export, and no other is.")
        if isinstance(line, Head):
            head = line
            _require_valid(head, where, keys)
            if (head.sequence, head.hash) != (len(chain) - 1, previous):
                raise NotAsWritten(
                    f"{where}: the head is that of record {head.sequence} with hash {head.hash}, but the last record "
                    f"before it is {len(chain) - 1} with hash {previous}."
                )
        if isinstance(line, Record):
            link = AuditRecord(line.sequence, line.kind, line.row, line.content, line.previous_hash, line.hash)
            if broken := broken_link(link, len(chain), previous):
                raise NotAsWritten(f"{where}: {broken}")
            chain[line.sequence] = previous = line.hash
            if link.kind == RESTORES:
                found.append(restore_in(link))
            if link.kind in DECIDED:
                decided.append(link)
    if head is None:
        raise NotAsWritten(f"{path} ends without a head: it was cut, or is no export. `mlreg audit export` writes one.")
    return Export(chain, head, tuple(found), tuple(decided))


def published_in(path: Path, keys: Collection[str] = ()) -> Published:
    """What a file of published heads, or an earlier export, remembers.

    Args:
        path: The file.
        keys: As for `verify`; each head must be signed by one of them.

    Raises:
        NotAsWritten: A line is wrong, or there is none.
        MlregError: The file can't be read.
    """
    claims: set[Claim] = set()
    for where, line in read(path):
        if isinstance(line, Header):
            return Published(str(path), frozenset(verify(path, keys).chain.items()))
        if not isinstance(line, Head):
            raise NotAsWritten(f"{where}: a file of published heads holds nothing but heads.")
        _require_valid(line, where, keys)
        claims.add((line.sequence, line.hash))
    if not claims:
        raise NotAsWritten(f"{path} is empty: it holds no head.")
    return Published(str(path), frozenset(claims))


def signer(export: Export, keys: Collection[str]) -> list[Published]:
    """The signature of an export as a witness, where the reader named the key: its holder confirms the whole log."""
    head = export.head
    return [Published("--key", frozenset({(head.sequence, head.hash)}))] if keys and head.is_signed else []


def restore_in(record: AuditRecord) -> Restore:
    """The restore that a record tells of.

    Raises:
        NotAsWritten: The registry did not write it.
    """
    try:
        content = json.loads(record.content)
        restored = Restore(**{**content, "recorded_at": datetime.fromisoformat(content["recorded_at"])})
        lost_in([restored])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise NotAsWritten(
            f"Record {record.sequence} can't be read as a restore; the registry did not write it."
        ) from error
    return restored


def lost_in(restores: Iterable[Restore]) -> frozenset[Claim]:
    """The records that restores lost, as they recorded."""
    return frozenset(
        (int(sequence), str(known))
        for restored in restores
        for sequence, known in restored.facts.get("lost_records", ())
    )


def _require_valid(head: Head, where: str, keys: Collection[str]) -> None:
    if head.is_signed and not head.is_validly_signed:
        raise NotAsWritten(f"{where}: the signature is not of this head: one of them was edited.")
    if keys and head.public_key not in keys:
        signed = f"signed with the key {head.public_key}" if head.is_signed else "not signed"
        raise NotAsWritten(f"{where}: the head is {signed}, and --key names {', '.join(keys)}.")
