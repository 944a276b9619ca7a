"""What a reader that looks at a registry again and again believes: aliases, splits, suspensions, hashes of versions.

At first the whole registry is verified against its audit log. Later, as long as the log still holds the record that was
its newest one, only the records added since are: a chain that was verified up to a record is verified up to the newest
one by the links between. All rows that are believed, old and new, are compared with the records as they were when these
were verified, so that a row or a record that was edited in place meanwhile gains nothing.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Select, select

from mlreg_dagster.registry import audit
from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.schema import (
    alias_events,
    audit_log,
    corrections,
    model_versions,
    suspensions,
    traffic_events,
)
from mlreg_dagster.registry.errors import RegistryTampered
from mlreg_dagster.registry.records.models import AliasEvent, AuditRecord
from mlreg_dagster.registry.records.suspensions import Suspension, in_force
from mlreg_dagster.registry.records.traffic import TrafficEvent

_BELIEVED = (alias_events, corrections, traffic_events, suspensions)


@dataclass(frozen=True)
class Trusted:
    """A registry as it was when it was last found to be whole.

    Attributes:
        head: Sequence and hash of the newest record of its audit log.
        moves: By alias: the move that made its holder.
        traffic: By alias: the newest change of its traffic, which may have ended its rollout.
        suspended: By alias: the suspension that holds.
        versions: By name: the hash of the version's bundle.
        contents: By table and row: a digest of the record of each move, correction, change of traffic and suspension.
    """

    head: tuple[int, str]
    moves: Mapping[str, AliasEvent]
    traffic: Mapping[str, TrafficEvent]
    suspended: Mapping[str, Suspension]
    versions: Mapping[str, str]
    contents: Mapping[tuple[str, int], bytes]


def look(connection: Connection, known: Trusted | None = None, *, whole: bool = False) -> Trusted:
    """What can be believed now.

    Args:
        connection: That sees the registry as of one moment.
        known: What was believed before: its head has to be in the log still, or to be on record as lost in a restore.
        whole: Verify everything, not only what was added since.

    Raises:
        RegistryTampered: The registry does not fit its audit log, or is another or an older one than before.
        RegistryDamaged: A row can't be read.
    """
    if known is None or whole or not audit.has(connection, *known.head):
        if broken := audit.find_tampering(connection, [known.head] if known else []):
            raise RegistryTampered(f"The registry does not fit its audit log. {broken}")
        added, head, known = _records(connection), audit.head(connection), None
    else:
        added = list(_added(connection, known.head))
        head = (added[-1].sequence, added[-1].hash) if added else known.head
    contents, versions = (dict(known.contents), dict(known.versions)) if known else ({}, {})
    for record in added:
        if record.kind == model_versions.name:
            content = json.loads(record.content)
            versions[content["version"]] = content["artifact_sha256"]
        elif record.kind in {table.name for table in _BELIEVED}:
            contents[record.kind, record.row] = _digest(record.content)
    _require_rows(connection, contents)
    moves = {move.alias: move for move in queries.moves(connection)}
    suspended = in_force(queries.suspension_changes(connection))
    return Trusted(head, moves, _traffic(connection), suspended, versions, contents)


def _traffic(connection: Connection) -> dict[str, TrafficEvent]:
    """The newest change of the traffic of each alias."""
    statement = select(traffic_events).order_by(traffic_events.c.alias, traffic_events.c.sequence)
    return {event.alias: event for event in queries.records(connection, TrafficEvent, statement)}


def _added(connection: Connection, head: tuple[int, str]) -> Iterator[AuditRecord]:
    """The records that follow a verified one."""
    expected, previous = head
    for record in _select(connection, select(audit_log).where(audit_log.c.sequence > expected)):
        expected += 1
        if broken := audit.broken_link(record, expected, previous):
            raise RegistryTampered(f"The registry does not fit its audit log. {broken}")
        previous = record.hash
        yield record


def _records(connection: Connection) -> list[AuditRecord]:
    """The records of what is believed, in a log that was verified."""
    kinds = [table.name for table in (*_BELIEVED, model_versions)]
    return list(_select(connection, select(audit_log).where(audit_log.c.kind.in_(kinds))))


def _select(connection: Connection, statement: Select[tuple[object, ...]]) -> Iterator[AuditRecord]:
    for row in connection.execute(statement.order_by(audit_log.c.sequence)).mappings():
        yield AuditRecord(**row)


def _require_rows(connection: Connection, contents: Mapping[tuple[str, int], bytes]) -> None:
    """Refuse rows that differ from their verified records, have none, or are missing."""
    found = set()
    for table in _BELIEVED:
        (key,) = table.primary_key.columns
        for row in connection.execute(select(table)).mappings():
            place = (table.name, int(row[key.name]))
            if contents.get(place) != _digest(audit.canonical(table, row)):
                raise RegistryTampered(
                    f"The registry does not fit its audit log. {table.name} {place[1]} is not what was recorded: it "
                    f"was edited, or put in past the registry."
                )
            found.add(place)
    if missing := sorted(contents.keys() - found):
        raise RegistryTampered(
            f"The registry does not fit its audit log. {missing[0][0]} {missing[0][1]} is not there any more."
        )


def _digest(content: str) -> bytes:
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).digest()
