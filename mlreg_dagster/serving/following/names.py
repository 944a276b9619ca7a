"""What a name means now: the record that a request takes, and the errors of names that mean nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.registry.names import listed
from mlreg_dagster.registry.records.suspensions import Suspension
from mlreg_dagster.serving.following.knowledge import Knowledge
from mlreg_dagster.serving.scoring.model import ServedModel

_SHOWN_NAMES = 10


class UnknownName(MlregError):
    """A name that is no version of the registry and no alias that is served."""


class NotLoaded(MlregError):
    """A version that can't be answered by yet, or can't be loaded at all."""


Arm = Literal["champion", "candidate"]
"""Which of the two versions of a rollout."""


@dataclass(frozen=True)
class ServedRollout:
    """The open rollout of an alias, as its newest change says.

    Attributes:
        rollout: The sequence at which it was opened.
        sequence: Of its newest change.
        state: Where it is.
        weight: Share of the candidate, in basis points.
        shadow: Whether the candidate scores what the champion answers.
        salt: Assigns routing keys to the two versions.
        candidate: The version that is rolled out; None where it can't be loaded.
        unloadable: Why it can't be loaded; None where it is loaded.
        candidate_version: Its name, whether it is loaded or not.
        champion: The version that the candidate has replaced, where it has all traffic; kept for the way back.
    """

    rollout: int
    sequence: int
    state: str
    weight: int
    shadow: bool
    salt: str
    candidate: ServedModel | None
    unloadable: str | None
    candidate_version: str = ""
    champion: ServedModel | None = None


@dataclass(frozen=True)
class Served:
    """What a name means now. A request takes one, and uses nothing else.

    Attributes:
        name: An alias, or a version.
        alias: The alias; None for a version that was asked for by its name.
        sequence: Of the alias event.
        effective_at: From when it counts.
        model: The version: of an alias its holder, of a request that was routed the one that answers.
        rollout: Of the alias, while one is open; None for what takes no part in it.
        arm: Which of the two versions of the rollout `model` is.
        suspension: Of the alias, where this is the holder before, which answers meanwhile; None: it is not suspended.
    """

    name: str
    alias: str | None
    sequence: int | None
    effective_at: datetime | None
    model: ServedModel
    rollout: ServedRollout | None = None
    arm: Arm | None = None
    suspension: Suspension | None = None

    @property
    def traffic_sequence(self) -> int | None:
        """The newest change of the rollout; None where there is none."""
        return None if self.rollout is None else self.rollout.sequence


@dataclass(frozen=True)
class Bundle:
    """A version and the hash that its bundle must have, as the registry has them."""

    version: str
    artifact_sha256: str


def why_not(alias: str, knowledge: Knowledge, *, is_known: bool) -> str:
    """Why an alias that is served has no model.

    Args:
        alias: Which one.
        knowledge: What is known of the registry.
        is_known: Whether the registry has a holder of it.
    """
    noted = knowledge.not_taken.get(alias)
    if noted is not None:
        return f"{alias} is {noted.version}, which can't be loaded. {noted.why}"
    if knowledge.problem is not None:
        return f"{alias} is not known yet. {knowledge.problem}"
    if is_known:
        return f"{alias} is being loaded. Try again in a moment."
    return f"No version holds {alias} yet. mlreg promote gives it one."


def unknown(name: str, versions: Collection[str], aliases: Collection[str], served: Sequence[str]) -> str:
    """What to say of a name that means nothing here.

    Args:
        name: As the client sent it.
        versions: All that the registry knows.
        aliases: All that the registry knows.
        served: Aliases that are served.
    """
    if name in aliases:
        return f"{name} is an alias, but not one that is served: aliases in serving.yaml are {listed(served)}."
    newest = sorted(versions, key=lambda each: int(each[1:]))[-_SHOWN_NAMES:]
    shown = name if name.isprintable() and len(name) <= 80 else ascii(name[:80])
    return (
        f"{shown} is no version, and no alias that is served. Aliases: {listed(served)}. "
        f"Newest versions: {listed(newest)}."
    )
