"""Everything that happened to an alias, in one list: moves, changes of rollouts, suspensions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mlreg_dagster.governance.moves import approved_by
from mlreg_dagster.governance.rollout.wording import share, state_in_words
from mlreg_dagster.registry import AliasEvent, Decision, Registry, Suspension, TrafficEvent

_TABLES = {"move": "alias_events", "rollout": "traffic_events", "suspension": "suspensions"}

Record = AliasEvent | TrafficEvent | Suspension


@dataclass(frozen=True)
class Change:
    """Something that happened to an alias.

    Attributes:
        kind: A move, a change of its traffic, or a suspension or resumption.
        effective_at: From when it counts.
        recorded_at: When it was written.
        what: What happened, in a few words.
        version: The holder, or the candidate of a rollout.
        previous_version: Of a move, the holder before.
        weights: The share of each version in the traffic from then on, in basis points.
        actor: On whose request, as recorded.
        by: The same with the name that the directory of people has now.
        reason: Why, with such names, too.
        approved_by: Of a move: who had approved.
        signature: Whether it, or what admitted it, is signed.
        run_id: The Dagster run, if any.
        audit_record: The number of its record in the audit log; None: it has none.
        verdict: What the audit says of it.
    """

    kind: Literal["move", "rollout", "suspension"]
    effective_at: datetime
    recorded_at: datetime
    what: str
    version: str
    previous_version: str | None
    weights: Mapping[str, int]
    actor: str
    by: str
    reason: str
    approved_by: tuple[str, ...]
    signature: str
    run_id: str | None
    audit_record: int | None
    verdict: str


def kind_of(record: Record) -> Literal["move", "rollout", "suspension"]:
    """What a record is."""
    if isinstance(record, AliasEvent):
        return "move"
    return "rollout" if isinstance(record, TrafficEvent) else "suspension"


def in_order(records: Iterable[Record]) -> list[Record]:
    """By the time from which they count, those of one time as they were recorded."""
    return sorted(records, key=lambda each: (each.effective_at, each.recorded_at, kind_of(each), each.sequence))


class Describer:
    """Puts records into words, with what the registry knows beside them.

    Args:
        registry: Where decisions, people and the audit log are.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._directory = registry.directory()
        self._places = {kind: registry.places_in_log(table) for kind, table in _TABLES.items()}
        self._decisions: dict[str, list[Decision]] = {}

    def change(self, record: Record, weights: Mapping[str, int]) -> Change:
        """A record as a change.

        Args:
            record: Which.
            weights: The share of each version from then on.
        """
        kind = kind_of(record)
        place = self._places[kind].get(record.id)
        return Change(
            kind=kind,
            effective_at=record.effective_at,
            recorded_at=record.recorded_at,
            what=_what(record),
            version=record.candidate if isinstance(record, TrafficEvent) else record.version,
            previous_version=record.previous_version if isinstance(record, AliasEvent) else None,
            weights=weights,
            actor=record.actor,
            by=self._directory.shown(record.actor),
            reason=self._directory.in_words(record.reason),
            approved_by=tuple(map(self._directory.shown, approved_by(record))) if kind == "move" else (),  # type: ignore[arg-type]
            signature=self._signature(record),
            run_id=record.run_id,
            audit_record=place,
            verdict="fits the audit log" if place is not None else "not in the audit log",
        )

    def _signature(self, record: Record) -> str:
        if isinstance(record, Suspension):
            return "signed" if record.signature else "not signed"
        if isinstance(record, TrafficEvent):
            return "not signed"
        names = approved_by(record)
        if not names:
            return "no approval on record"
        return "; ".join(self._approvals(record, names))

    def _approvals(self, move: AliasEvent, names: Iterable[str]) -> Iterator[str]:
        """Whether each approval on which a move rests is signed."""
        if move.version not in self._decisions:
            self._decisions[move.version] = self._registry.decisions(move.version)
        newest = {
            each.actor: each
            for each in self._decisions[move.version]
            if each.kind == "approval" and each.recorded_at <= move.recorded_at
        }
        for name in names:
            known = newest.get(name)
            state = "" if known is None else " signed" if known.signature else " did not sign"
            yield f"approved by {self._directory.shown(name)}{',' if state else ''}{state}"


def _what(record: Record) -> str:
    if isinstance(record, AliasEvent):
        return f"{record.version} takes over from {record.previous_version or 'nobody'}"
    if isinstance(record, Suspension):
        return f"{record.event}, held by {record.version}"
    return (
        f"rollout of {record.candidate}: {record.ruling.replace('_', ' ')}, {state_in_words(record)}, {share(record)}"
    )
