"""How the traffic of an alias is split while a candidate is rolled out. What to do next is decided in `governance`.

The newest row is the whole split. A row and the move of the alias that belongs to it are one transaction: the alias
points to the candidate exactly where the candidate has all traffic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import traffic_events
from mlreg_dagster.registry.errors import EffectiveTimeError, RolloutConflict
from mlreg_dagster.registry.mixins.alias_moves import add_move, dossier_of
from mlreg_dagster.registry.names import as_utc, check_alias
from mlreg_dagster.registry.permit import Permit, permit_passed
from mlreg_dagster.registry.records.models import AliasEvent, Attribution
from mlreg_dagster.registry.records.traffic import CLOSED, ENDED, ROLLED_BACK, WHOLE, TrafficEvent


@dataclass(frozen=True)
class Split:
    """What a rollout becomes.

    Attributes:
        state: Where it is from now on.
        weight: Share of the candidate, in basis points.
        shadow: Whether the candidate scores what the champion answers.
        ruling: What was decided.
        facts: What it was decided on.
    """

    state: str
    weight: int
    shadow: bool
    ruling: str
    facts: Mapping[str, Any]


class Traffic:
    """The part of the registry that holds rollouts."""

    _database: Database

    def open_rollout(
        self,
        alias: str,
        candidate: str,
        split: Split,
        by: Attribution,
        *,
        salt: str,
        expected: str,
        effective_at: datetime | None = None,
        permit: Permit = permit_passed,
    ) -> TrafficEvent:
        """Begin to roll out a version.

        Args:
            alias: Whose traffic it is to get.
            candidate: The version.
            split: How it begins; without traffic.
            by: Who does it, when and why.
            salt: Assigns routing keys to the two versions.
            expected: Who holds the alias, as far as the caller knows.
            effective_at: As for `move_alias`.
            permit: Asked last, within the transaction; what it raises goes to the caller, and nothing is stored.

        Raises:
            UnknownVersion: The candidate is not registered.
            RolloutConflict: A rollout is open, another version holds the alias, or it is the candidate itself.
            EffectiveTimeError: As for `move_alias`.
            InvalidRecord: The alias, the actor or the reason has a forbidden form.
        """
        check_alias(alias)
        by = by.checked()
        with self._database.writing() as connection:
            if (own := _of_run(connection, alias, split.state, by)) is not None:
                return own
            dossier = dossier_of(connection, queries.version_named(connection, candidate), alias)
            newest = newest_traffic(connection, alias)
            if newest is not None and newest.is_open:
                raise RolloutConflict(f"A rollout of {alias} is open: {_shown(newest)}. Abort it first.")
            holder = dossier.moves[-1] if dossier.moves else None
            if holder is None or holder.version != expected or candidate == expected:
                held = holder.version if holder else "no version"
                raise RolloutConflict(
                    f"{candidate} can't be rolled out against {expected}: {held} holds {alias}. Look at it again."
                )
            permit(dossier)
            return _append(
                connection,
                by,
                effective_at,
                newest,
                alias=alias,
                sequence=(newest.sequence if newest else 0) + 1,
                rollout=(newest.sequence if newest else 0) + 1,
                state=split.state,
                champion=holder.version,
                champion_sha256=holder.artifact_sha256,
                candidate=candidate,
                candidate_sha256=dossier.version.artifact_sha256,
                weight=split.weight,
                shadow=split.shadow,
                salt=salt,
                ruling=split.ruling,
                facts=dict(split.facts),
                alias_sequence=None,
            )

    def move_traffic(
        self,
        alias: str,
        split: Split,
        by: Attribution,
        *,
        expected: int,
        effective_at: datetime | None = None,
        permit: Permit = permit_passed,
    ) -> TrafficEvent:
        """Change the split of an open rollout, and move the alias with it where all traffic changes its version.

        A run that has made this very change already, and lost the answer, gets it back.

        Args:
            alias: Whose traffic it is.
            split: What the rollout becomes.
            by: Who does it, when and why.
            expected: The sequence of the newest change, as far as the caller knows.
            effective_at: As for `move_alias`.
            permit: Asked where the alias moves, within the transaction.

        Raises:
            RolloutConflict: No rollout is open, or another change came first; the message says which.
            EffectiveTimeError: As for `move_alias`.
            InvalidRecord: The alias, the actor or the reason has a forbidden form.
        """
        check_alias(alias)
        by = by.checked()
        with self._database.writing() as connection:
            if (own := _of_run(connection, alias, split.state, by)) is not None:
                return own
            newest = newest_traffic(connection, alias)
            if newest is None or not newest.is_open or newest.sequence != expected:
                raise RolloutConflict(_conflict(alias, expected, newest))
            return _append_split(connection, newest, split, by, effective_at, permit)

    def traffic(self, alias: str, as_of: datetime | None = None) -> TrafficEvent | None:
        """The newest change of the traffic of an alias; None: there was no rollout.

        Args:
            alias: Which alias.
            as_of: The time that is asked about; changes effective at that time count. None: the last change.
        """
        events = self.traffic_history(alias)
        if as_of is not None:
            events = [each for each in events if each.effective_at <= as_utc(as_of)]
        return events[-1] if events else None

    def open_rollouts(self) -> list[TrafficEvent]:
        """The newest change of each rollout that goes on, by alias."""
        columns = (traffic_events.c.alias, func.max(traffic_events.c.sequence))
        newest = select(*columns).group_by(traffic_events.c.alias)
        found = select(traffic_events).where(tuple_(traffic_events.c.alias, traffic_events.c.sequence).in_(newest))
        with self._database.reading() as connection:
            events = queries.records(connection, TrafficEvent, found.order_by(traffic_events.c.alias))
        return [each for each in events if each.is_open]

    def traffic_history(self, alias: str) -> list[TrafficEvent]:
        """All changes of the traffic of an alias, the first one first."""
        with self._database.reading() as connection:
            return _events(connection, alias)

    def traffic_histories(self) -> dict[str, list[TrafficEvent]]:
        """`traffic_history` of every alias that had a rollout, all as of one moment."""
        statement = select(traffic_events).order_by(traffic_events.c.alias, traffic_events.c.sequence)
        with self._database.reading() as connection:
            events = queries.records(connection, TrafficEvent, statement)
        return {alias: list(group) for alias, group in groupby(events, attrgetter("alias"))}


def newest_traffic(connection: Connection, alias: str) -> TrafficEvent | None:
    """The newest change of the traffic of an alias, if there is one."""
    newest = select(func.max(traffic_events.c.sequence)).where(traffic_events.c.alias == alias).scalar_subquery()
    statement = select(traffic_events).where(traffic_events.c.alias == alias, traffic_events.c.sequence == newest)
    return next(iter(queries.records(connection, TrafficEvent, statement)), None)


def end_by_move(connection: Connection, move: AliasEvent, by: Attribution) -> None:
    """End the open rollout of an alias that has just been moved by itself, in the transaction of that move."""
    newest = newest_traffic(connection, move.alias)
    if newest is None or not newest.is_open:
        return
    state, weight = (CLOSED, WHOLE) if move.version == newest.candidate else (ROLLED_BACK, 0)
    split = Split(state, weight, False, "superseded", {"moved_to": move.version})
    since = min(max(move.effective_at, newest.effective_at), as_utc(by.time))  # the clock may have been ahead
    _append(connection, by, since, newest, **_following(newest, split), alias_sequence=move.sequence)


def _append_split(
    connection: Connection,
    newest: TrafficEvent,
    split: Split,
    by: Attribution,
    effective_at: datetime | None,
    permit: Permit,
) -> TrafficEvent:
    wanted = newest.candidate if split.weight == WHOLE else newest.champion
    dossier = dossier_of(connection, queries.version_named(connection, wanted), newest.alias)
    holder = dossier.moves[-1].version if dossier.moves else None
    moved = None
    if holder != wanted:
        moved = add_move(connection, dossier, by, expected=holder, effective_at=effective_at, permit=permit).sequence
    return _append(connection, by, effective_at, newest, **_following(newest, split), alias_sequence=moved)


def _following(newest: TrafficEvent, split: Split) -> dict[str, Any]:
    kept = {name: getattr(newest, name) for name in ("alias", "rollout", "salt")}
    versions = {f"{who}{what}": getattr(newest, f"{who}{what}") for who in ("champion", "candidate") for what in _OF}
    changed = vars(split) | {"facts": dict(split.facts), "sequence": newest.sequence + 1}
    return kept | versions | changed


_OF = ("", "_sha256")


def _append(
    connection: Connection,
    by: Attribution,
    effective_at: datetime | None,
    newest: TrafficEvent | None,
    **values: Any,
) -> TrafficEvent:
    now = as_utc(by.time)
    effective_at = now if effective_at is None else as_utc(effective_at)
    earliest = newest.effective_at if newest else effective_at
    if earliest > now and values["state"] in ENDED:
        earliest = now  # what a clock that was ahead has recorded can be ended
    if not earliest <= effective_at <= now:
        raise EffectiveTimeError(
            f"The traffic of {values['alias']} can't change as of {effective_at}: it has to lie between its last "
            f"change ({earliest}) and now ({now}). Where the clock was ahead then, `mlreg rollout abort` "
            f"ends the rollout."
        )
    return queries.append(connection, TrafficEvent, traffic_events, effective_at=effective_at, **values, **by.columns)


def _of_run(connection: Connection, alias: str, state: str, by: Attribution) -> TrafficEvent | None:
    known = {"alias": alias, "state": state, "actor": by.actor, "reason": by.reason, "run_id": by.run_id}
    return queries.of_run(connection, TrafficEvent, traffic_events, **known)


def _events(connection: Connection, alias: str) -> list[TrafficEvent]:
    statement = select(traffic_events).where(traffic_events.c.alias == alias).order_by(traffic_events.c.sequence)
    return queries.records(connection, TrafficEvent, statement)


def _conflict(alias: str, expected: int, newest: TrafficEvent | None) -> str:
    if newest is None or not newest.is_open:
        ended = f"; the last one ended: {_shown(newest)}" if newest else ""
        return f"No rollout of {alias} is open{ended}."
    return (
        f"The traffic of {alias} did not change: change {expected} was expected to be the newest, but it is "
        f"{_shown(newest)}. Look at it, and try again if it should be replaced."
    )


def _shown(event: TrafficEvent) -> str:
    return (
        f"change {event.sequence}, {event.candidate} against {event.champion} in {event.state} at "
        f"{event.weight / 100:g} %, since {event.effective_at}, by {event.actor} ({event.reason})"
    )
