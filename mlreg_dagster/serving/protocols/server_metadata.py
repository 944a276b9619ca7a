"""What a server says of itself: what it serves, and how old its knowledge of the registry is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mlreg_dagster.core.version import __version__
from mlreg_dagster.serving.protocols.answered import iso, known
from mlreg_dagster.serving.protocols.problems import SuspendedAlias, suspended_alias

if TYPE_CHECKING:
    from mlreg_dagster.serving.following.follower import Served
    from mlreg_dagster.serving.following.knowledge import Knowledge

NAME = "mlreg-dagster"
EXTENSIONS = ["binary_tensor_data"]

_encoder = msgspec.json.Encoder()


class RolloutNow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The open rollout of an alias.

    Attributes:
        rollout: The change of traffic that opened it.
        traffic_sequence: Its newest change, which is followed.
        state: Where it is.
        weight: Share of the candidate, in basis points.
        shadow: Whether the candidate scores what the champion answers.
        candidate: The version that is rolled out.
        candidate_sha256: Of its bundle, where that is loaded.
        unloadable: Why it can't be loaded; the champion answers alone meanwhile.
    """

    rollout: int
    traffic_sequence: int
    state: str
    weight: int
    shadow: bool
    candidate: str
    candidate_sha256: str | UnsetType = UNSET
    unloadable: str | UnsetType = UNSET


class ServedName(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a name means now.

    Attributes:
        name: An alias, or a version that was asked for by name.
        version: That the name stands for.
        artifact_sha256: Of its bundle.
        alias_sequence: The event of the alias that is followed.
        effective_at: From when on the event counts.
        rollout: Of the alias, while one is open.
    """

    name: str
    version: str
    artifact_sha256: str
    alias_sequence: int | UnsetType = UNSET
    effective_at: str | UnsetType = UNSET
    rollout: RolloutNow | UnsetType = UNSET


class VersionNotTaken(Struct, frozen=True, kw_only=True):
    """A version that an alias means, and that can't be served; the last good one goes on meanwhile.

    Attributes:
        alias: That means it.
        version: Which one.
        alias_sequence: Of the event of the alias.
        since: When it was first tried.
        why: What is wrong with it.
    """

    alias: str
    version: str
    alias_sequence: int
    since: str
    why: str


class RegistryKnowledge(Struct, frozen=True, kw_only=True):
    """What the server knows of the registry.

    Attributes:
        ready: Whether there is a model to answer with.
        checked_at: When the registry was last read whole.
        problem: What keeps the server from knowing more; the last good versions go on meanwhile.
        problem_since: Since when.
        not_taken: Versions that aliases mean, and that can't be served.
        suspended: Aliases whose holders do not score.
    """

    ready: bool
    checked_at: str | None
    problem: str | None
    problem_since: str | None
    not_taken: list[VersionNotTaken]
    suspended: list[SuspendedAlias]


class ServerMetadata(Struct, frozen=True, kw_only=True):
    """A server."""

    name: str
    version: str
    extensions: list[str]
    models: list[ServedName]
    knowledge: RegistryKnowledge


def rollout_now(served: "Served") -> RolloutNow | None:
    """What to say of the rollout of an alias; None where none is open."""
    rollout = served.rollout
    if rollout is None:
        return None
    return RolloutNow(
        rollout=rollout.rollout,
        traffic_sequence=rollout.sequence,
        state=rollout.state,
        weight=rollout.weight,
        shadow=rollout.shadow,
        candidate=rollout.candidate_version,
        candidate_sha256=UNSET if rollout.candidate is None else rollout.candidate.sha256,
        unloadable=known(rollout.unloadable),
    )


def write(names: "Sequence[Served]", knowledge: "Knowledge") -> bytes:
    """The metadata of the server.

    Args:
        names: What is served.
        knowledge: What the server knows of the registry.
    """
    models = [
        ServedName(
            name=served.name,
            version=served.model.version,
            artifact_sha256=served.model.sha256,
            alias_sequence=known(served.sequence),
            effective_at=UNSET if served.effective_at is None else iso(served.effective_at),
            rollout=known(rollout_now(served)),
        )
        for served in names
    ]
    not_taken = [
        VersionNotTaken(
            alias=alias, version=each.version, alias_sequence=each.sequence, since=iso(each.since), why=each.why
        )
        for alias, each in knowledge.not_taken.items()
    ]
    of_registry = RegistryKnowledge(
        ready=knowledge.ready,
        checked_at=iso(knowledge.checked_at) if knowledge.checked_at else None,
        problem=knowledge.problem,
        problem_since=iso(knowledge.problem_since) if knowledge.problem_since else None,
        not_taken=not_taken,
        suspended=[suspended_alias(each) for each in knowledge.suspended.values()],
    )
    metadata = ServerMetadata(
        name=NAME, version=__version__, extensions=EXTENSIONS, models=models, knowledge=of_registry
    )
    return _encoder.encode(metadata)
