"""What the page of a version shows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlreg_dagster.core.times import read_time
from mlreg_dagster.governance.standing import Badge, standings
from mlreg_dagster.models.manifests import cause_in, origin_in
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.pages.page import NotThere
from mlreg_dagster.pages.source import records
from mlreg_dagster.pages.version.artifact import ArtifactFacts, look_at
from mlreg_dagster.pages.version.card import CardFacts, card_of
from mlreg_dagster.pages.version.recorded import Recorded, last_bundle
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import AliasEvent, Decision, Evaluation, GateResult, ModelVersion

_PICTURED = ("candidate_model", "evaluated_model")
"""Assets by version that draw pictures."""


@dataclass(frozen=True)
class EvaluationFacts:
    """The evaluation that counts.

    Attributes:
        id: Its number.
        passed: Whether all gates passed.
        recorded_at: When.
        actor: Who evaluated.
        run_id: The Dagster run, if any.
        holdout_day: Day of the holdout; None where an older release recorded it.
        holdout_sha256: Its hash.
        gates: The result of each gate.
    """

    id: int
    passed: bool
    recorded_at: datetime
    actor: str
    run_id: str | None
    holdout_day: str | None
    holdout_sha256: str
    gates: tuple[GateResult, ...]


@dataclass(frozen=True)
class Move:
    """How an alias came to the version."""

    alias: str
    effective_at: datetime
    recorded_at: datetime
    actor: str
    reason: str
    run_id: str | None


@dataclass(frozen=True)
class DecisionFacts:
    """A decision of a person about the version."""

    kind: str
    actor: str
    recorded_at: datetime
    expires_at: datetime | None
    signed: bool
    reason: str


@dataclass(frozen=True)
class VersionFacts:
    """One version.

    Attributes:
        version: Its name.
        asked: What the address named: the version itself, `latest`, an alias.
        registered_at: When it was registered.
        registered_by: Who trained it.
        run_id: The Dagster run that did, if any.
        detector: Which detector.
        cause: Why it was trained, where it was not the schedule: `trigger`, `key`, `reason`.
        origin: Where it comes from, by `study`, `sweep` or `variant`; empty: it is a training of its own.
        dataset_day: Day of its training dataset.
        dataset_sha256: Its hash.
        training_first_hour: The first hour of its training rows.
        training_end: The end of its training window.
        training_rows: How many rows.
        features: Which features, in their order.
        status: By the evaluation that counts.
        badges: What it is and was.
        aliases: Those that it holds.
        champion: The champion; None: there is none.
        neighbours: The version before and the one after; None where there is none.
        artifact: Whether its bytes are those on record.
        evaluation: The one that counts; None: there is none yet.
        experiments: How many evaluations were experiments.
        decisions: About its bytes, the latest one last.
        moves: Of aliases, to it.
        pictured: The assets whose pictures of it Dagster remembers.
        bundle: Its last evidence bundle; None: there is none.
        card: Everything else, as its card has it.
    """

    version: str
    asked: str
    registered_at: datetime
    registered_by: str
    run_id: str | None
    detector: str
    cause: dict[str, str] | None
    origin: dict[str, Any]
    dataset_day: str
    dataset_sha256: str
    training_first_hour: datetime | None
    training_end: datetime | None
    training_rows: int | None
    features: tuple[str, ...]
    status: str
    badges: tuple[Badge, ...]
    aliases: tuple[str, ...]
    champion: str | None
    neighbours: tuple[str | None, str | None]
    artifact: ArtifactFacts
    evaluation: EvaluationFacts | None
    experiments: int
    decisions: tuple[DecisionFacts, ...]
    moves: tuple[Move, ...]
    pictured: tuple[str, ...]
    bundle: Recorded | None
    card: CardFacts

    @property
    def snippet(self) -> str:
        """How to load it."""
        return (
            "from mlreg_dagster import Client\n\n"
            "client = Client()\n"
            f'model = client.load_model("{self.version}")  # verified against {self.artifact.sha256[:12]}\n'
            "rows = client.features(first, last)\n"
            "scores, flags = model.score(rows), model.flag(rows)"
        )


def facts(view: View, version: str) -> VersionFacts:
    """Everything on record of a version.

    Args:
        view: What is asked about.
        version: `v7`, `latest`, `latest-1`, or an alias as of the time that is asked about.

    Raises:
        UnknownVersion: It leads to no version, or to none that was there then.
    """
    registry = records(view)
    found = registry.resolve(version, view.as_of)
    name, manifest = found.version, found.manifest
    stands = standings(view.registry, view.as_of)
    standing = stands.of(name)
    if standing is None:
        raise NotThere(f"{name} was not registered yet at {view.as_of:%Y-%m-%d %H:%M} UTC.")
    champion = stands.aliases.get(CHAMPION)
    return VersionFacts(
        pictured=tuple(each for each in _PICTURED if view.dagster.pictured(each, 1, 0, name)),
        version=name,
        asked=version,
        registered_at=found.created_at,
        registered_by=found.created_by,
        run_id=found.run_id,
        detector=found.detector,
        cause=dict(cause) if (cause := cause_in(manifest)) else None,
        origin=origin_in(manifest),
        dataset_day=found.dataset_day,
        dataset_sha256=found.dataset_sha256,
        training_first_hour=_time(manifest.get("training_first_hour")),
        training_end=_time(manifest.get("training_end")),
        training_rows=manifest.get("training_rows"),
        features=tuple(manifest.get("features") or ()),
        status=standing.status,
        badges=standing.badges,
        aliases=standing.aliases,
        champion=champion.move.version if champion and champion.move else None,
        neighbours=_neighbours(found, [each.version.version for each in stands.versions]),
        artifact=look_at(found, view.artifacts),
        evaluation=_evaluation(standing.evaluation),
        experiments=standing.experiments,
        decisions=tuple(map(_decision, registry.decisions(name))),
        moves=tuple(_move(each) for each in registry.recorded_moves() if each.version == name),
        bundle=last_bundle(view.home, name, view.as_of),
        card=card_of(found, view),
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else read_time(text)


def _neighbours(version: ModelVersion, names: list[str]) -> tuple[str | None, str | None]:
    place = names.index(version.version)
    before, after = names[:place], names[place + 1 :]
    return before[-1] if before else None, after[0] if after else None


def _evaluation(found: Evaluation | None) -> EvaluationFacts | None:
    return None if found is None else EvaluationFacts(**_named(found, EvaluationFacts))


def _decision(found: Decision) -> DecisionFacts:
    return DecisionFacts(
        found.kind, found.actor, found.recorded_at, found.expires_at, found.signature is not None, found.reason
    )


def _move(found: AliasEvent) -> Move:
    return Move(**_named(found, Move))


def _named(record: Any, cls: type[Any]) -> dict[str, Any]:
    """The fields of a class, of a record that has them."""
    return {name: getattr(record, name) for name in cls.__dataclass_fields__}
