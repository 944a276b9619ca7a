"""What a name means now: the record that a request takes, and the errors of names that mean nothing."""

from dataclasses import dataclass
from datetime import datetime

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.serving.scoring.model import ServedModel


class UnknownName(MlregError):
    """A name that is no version of the registry and no alias that is served."""


class NotLoaded(MlregError):
    """A version that can't be answered by yet, or can't be loaded at all."""


@dataclass(frozen=True)
class Served:
    """What a name means now. A request takes one, and uses nothing else.

    Attributes:
        name: An alias, or a version.
        alias: The alias; None for a version that was asked for by its name.
        sequence: Of the alias event.
        effective_at: From when it counts.
        model: The version.
    """

    name: str
    alias: str | None
    sequence: int | None
    effective_at: datetime | None
    model: ServedModel


@dataclass(frozen=True)
class Bundle:
    """A version and the hash that its bundle must have, as the registry has them."""

    version: str
    artifact_sha256: str
