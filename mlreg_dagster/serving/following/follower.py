"""The thread that keeps the models which names mean now; requests read what it has put together, and never wait."""

from dataclasses import dataclass
from datetime import datetime

from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.serving.following.knowledge import Knowledge
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


class Follower:
    """Follows a registry.

    Args:
        registry_url: As for `Registry`.
        artifacts: The folder or URL of the bundles.
        settings: serving.yaml.
    """

    def __init__(self, registry_url: str, artifacts: str, settings: ServingSettings) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Look once, load what the aliases mean, then go on in a thread."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the thread."""
        raise NotImplementedError

    def get(self, name: str) -> Served:
        """What a name means now.

        Raises:
            UnknownName: The registry knows no such version, and no such alias is served.
            NotLoaded: It begins to be loaded; try again in a moment. Or it can't be loaded, and why.
        """
        raise NotImplementedError

    def names(self) -> list[Served]:
        """All that is loaded: aliases first, then versions that were asked for by name."""
        raise NotImplementedError

    def knowledge(self) -> Knowledge:
        """What is known of the registry."""
        raise NotImplementedError
