"""How aliases and versions stand at a time: holder, rollout, suspension, status and badges.

`mlreg champion`, `mlreg status`, `mlreg versions` and the pages ask here, so that they can't disagree. Moves, rollouts
and suspensions count from their `effective_at` on, all else from when it was recorded. Whose approvals count is in
`decisions.counting`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from mlreg_dagster.governance.moves import move_facts
from mlreg_dagster.governance.rollout.wording import share, split_in_words, state_in_words
from mlreg_dagster.models.names import CHALLENGER, CHAMPION
from mlreg_dagster.registry import AliasEvent, Evaluation, ModelVersion, Registry, Status, Suspension, TrafficEvent
from mlreg_dagster.registry.names import as_utc
from mlreg_dagster.registry.records import suspensions, traffic
from mlreg_dagster.registry.rules import counting_evaluation, left_by_rollbacks, status_by

BadgeKind = Literal["champion", "challenger", "alias", "rollout", "suspended", "experiment", "rolled_back", "former"]

_Change = TypeVar("_Change", AliasEvent, TrafficEvent)


@dataclass(frozen=True)
class Badge:
    """What a version is, or was, at a time, in a word or two.

    Attributes:
        kind: What the badge means.
        text: For people.
        alias: Which alias it is about; None: none.
    """

    kind: BadgeKind
    text: str
    alias: str | None = None


@dataclass(frozen=True)
class AliasStanding:
    """How an alias stands at a time.

    Attributes:
        alias: Which alias.
        as_of: The time that was asked about.
        move: The move that made its holder; None: no version held it.
        split: The newest change of its traffic, where a rollout is open.
        paused: Whether a person paused that rollout.
        suspension: The one that holds; None: none does.
    """

    alias: str
    as_of: datetime
    move: AliasEvent | None
    split: TrafficEvent | None
    paused: bool
    suspension: Suspension | None

    @property
    def weights(self) -> dict[str, int]:
        """The share of each version in the traffic, in basis points, the holder's first; a suspension stops them all.

        Nothing where no version holds the alias.
        """
        if self.move is None:
            return {}
        if self.split is None:
            return {self.move.version: traffic.WHOLE}
        both = {self.split.champion: traffic.WHOLE - self.split.weight, self.split.candidate: self.split.weight}
        return dict(sorted(both.items(), key=lambda each: each[0] != self.move.version))  # type: ignore[union-attr]

    @property
    def in_words(self) -> str:
        """Who held the alias, since when, on whose request and why, in one sentence."""
        when = f"{self.as_of:%Y-%m-%d %H:%M} UTC"
        if self.move is None:
            return f"Nobody held {self.alias} as of {when}."
        return (
            f"{self.move.version} held {self.alias} as of {when}, since {self.move.effective_at:%Y-%m-%d %H:%M} UTC, "
            f"requested by {self.move.actor}: {self.move.reason}"
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What else readers must know: that it is suspended, and how its traffic is split, in sentences."""
        stopped = [f"SUSPENDED: {self.suspension.in_words}. No holder of it scores."] if self.suspension else []
        paused = " It is paused by a person." if self.paused else ""
        return (*stopped, *([f"{split_in_words(self.split)}{paused}"] if self.split else []))

    @property
    def facts(self) -> dict[str, Any]:
        """All of it as plain facts, for programs: what `mlreg champion --json` prints."""
        return {
            "moves": [move_facts(self.move)] if self.move else [],
            "split": traffic.plain_facts(self.split),
            "paused": self.paused,
            "suspension": suspensions.plain_facts(self.suspension),
        }


@dataclass(frozen=True)
class VersionStanding:
    """How a version stands at a time.

    Attributes:
        version: Its record.
        status: By the evaluation that counts.
        evaluation: The evaluation that counts; None: there was none yet.
        last: The last evaluation of all, experiments among them.
        experiments: How many evaluations of it were experiments.
        aliases: Those that it holds.
        badges: What it is and was, the most important first.
    """

    version: ModelVersion
    status: Status
    evaluation: Evaluation | None
    last: Evaluation | None
    experiments: int
    aliases: tuple[str, ...]
    badges: tuple[Badge, ...]


@dataclass(frozen=True)
class Standings:
    """How all aliases and versions stand at a time.

    Attributes:
        as_of: The time that was asked about.
        aliases: Of each alias that a version ever held, by name, the champion first.
        versions: Of each version that there was, v1 first.
    """

    as_of: datetime
    aliases: Mapping[str, AliasStanding]
    versions: tuple[VersionStanding, ...]

    def of(self, version: str) -> VersionStanding | None:
        """How one version stands; None: it was not there yet."""
        return next((each for each in self.versions if each.version.version == version), None)

    @property
    def suspended(self) -> list[Suspension]:
        """The suspensions that hold."""
        return [each.suspension for each in self.aliases.values() if each.suspension]

    @property
    def rollouts(self) -> list[TrafficEvent]:
        """The newest change of each rollout that is open."""
        return [each.split for each in self.aliases.values() if each.split]


def alias_standing(registry: Registry, alias: str, as_of: datetime) -> AliasStanding:
    """How an alias stands at a time; one that no version ever held has no holder.

    Args:
        registry: Where it is recorded.
        alias: Which alias.
        as_of: The time that is asked about.
    """
    return standing_in(
        alias, as_utc(as_of), registry.history(alias), registry.traffic_history(alias), registry.suspensions(alias)
    )


def standing_in(
    alias: str,
    as_of: datetime,
    moves: Iterable[AliasEvent],
    changes: Iterable[TrafficEvent],
    stops: Iterable[Suspension],
) -> AliasStanding:
    """How an alias stands at a time, by its records.

    Args:
        alias: Which alias.
        as_of: The time that is asked about.
        moves: All of it, without those that were taken back, the first one first.
        changes: All of its traffic, the first one first.
        stops: Its suspensions and resumptions, and perhaps those of other aliases.
    """
    held, rollout = _until(as_of, moves), traffic.of_rollout(_until(as_of, changes))
    is_open = bool(rollout) and rollout[-1].is_open
    return AliasStanding(
        alias=alias,
        as_of=as_of,
        move=held[-1] if held else None,
        split=rollout[-1] if is_open else None,
        paused=is_open and traffic.is_paused(rollout),
        suspension=suspensions.in_force(stops, as_of).get(alias),
    )


def standings(registry: Registry, as_of: datetime) -> Standings:
    """How all aliases and versions stand at a time.

    A version is there from when it was registered on; where history was replayed, which is recorded later than it
    counts, from its first move or rollout on, with the evaluation that admitted it.

    Args:
        registry: Where it is recorded.
        as_of: The time that is asked about.
    """
    as_of = as_utc(as_of)
    moves = {alias: _until(as_of, each) for alias, each in registry.histories().items()}
    splits = registry.traffic_histories()
    stops = registry.suspensions()
    aliases = {
        alias: standing_in(alias, as_of, moves[alias], splits.get(alias, ()), stops)
        for alias in sorted(moves, key=lambda alias: (alias != CHAMPION, alias != CHALLENGER, alias))
    }
    admitting = {move.evaluation_id for each in moves.values() for move in each}
    named = {move.version for each in moves.values() for move in each}
    named |= {each.candidate for events in splits.values() for each in _until(as_of, events)}
    evaluations = registry.all_evaluations()
    return Standings(
        as_of,
        aliases,
        tuple(
            _version_standing(
                version,
                [
                    each
                    for each in evaluations.get(version.version, ())
                    if each.recorded_at <= as_of or each.id in admitting
                ],
                aliases.values(),
                moves,
            )
            for version in registry.versions()
            if version.created_at <= as_of or version.version in named
        ),
    )


def _until(as_of: datetime, changes: Iterable[_Change]) -> list[_Change]:
    return [each for each in changes if each.effective_at <= as_of]


def _version_standing(
    version: ModelVersion,
    evaluations: Sequence[Evaluation],
    aliases: Iterable[AliasStanding],
    moves: Mapping[str, Sequence[AliasEvent]],
) -> VersionStanding:
    name, counting = version.version, counting_evaluation(evaluations)
    aliases = list(aliases)
    badges = [*_held(name, aliases), *_rolled_out(name, aliases)]
    if counting is None and evaluations:
        badges.append(Badge("experiment", "experiment"))
    return VersionStanding(
        version=version,
        status=status_by(counting),
        evaluation=counting,
        last=evaluations[-1] if evaluations else None,
        experiments=sum(each.is_experiment for each in evaluations),
        aliases=tuple(each.alias for each in aliases if each.move and each.move.version == name),
        badges=(*badges, *_before(name, aliases, moves)),
    )


def _held(version: str, aliases: Iterable[AliasStanding]) -> Iterator[Badge]:
    """The aliases that a version holds, and which of them are suspended."""
    kinds: dict[str, BadgeKind] = {CHAMPION: "champion", CHALLENGER: "challenger"}
    for each in aliases:
        if each.move and each.move.version == version:
            yield Badge(kinds.get(each.alias, "alias"), each.alias, each.alias)
            if each.suspension:
                yield Badge("suspended", f"{each.alias} suspended", each.alias)


def _rolled_out(version: str, aliases: Iterable[AliasStanding]) -> Iterator[Badge]:
    for each in aliases:
        if each.split and each.split.candidate == version:
            paused = ", paused" if each.paused else ""
            stage = "A/B test" if each.split.state == "ab" else f"rollout: {state_in_words(each.split)}"
            yield Badge("rollout", f"{stage}, {share(each.split)}{paused}", each.alias)


def _before(
    version: str, aliases: Iterable[AliasStanding], moves: Mapping[str, Sequence[AliasEvent]]
) -> Iterator[Badge]:
    """The aliases that a version held before, and those that a rollback took from it."""
    for each in aliases:
        history = moves[each.alias]
        if (each.move and each.move.version == version) or all(move.version != version for move in history):
            continue
        if version in left_by_rollbacks(history):
            yield Badge("rolled_back", f"rolled back as {each.alias}", each.alias)
        else:
            yield Badge("former", f"former {each.alias}", each.alias)
