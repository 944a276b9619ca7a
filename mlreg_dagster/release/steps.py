"""What a step of a release finds, and what all of them say together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mlreg_dagster.core.errors import MlregError

Status = Literal["passed", "failed", "not measured"]


class NotMeasured(MlregError):
    """A step that could not tell; the message says why, and what makes it possible. The release does not pass."""


@dataclass(frozen=True)
class Step:
    """What one step found.

    Attributes:
        name: `gates`, `performance`, `smoke`, `approvals` or `rollout`.
        status: Whether it passed; a step that could not tell did not.
        detail: What was found, in a sentence.
        figures: The numbers behind it, as plain JSON.
    """

    name: str
    status: Status
    detail: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Release:
    """A version and what the steps found.

    Attributes:
        version: That is to be released.
        champion: The version that it would replace; None: there is none yet.
        steps: In their order.
    """

    version: str
    champion: str | None
    steps: tuple[Step, ...]

    @property
    def passed(self) -> bool:
        """Whether every step did."""
        return all(step.status == "passed" for step in self.steps)


def taken(name: str, step: Callable[[], Step]) -> Step:
    """Take a step: an error of the project is a result, so that the steps after it are taken, too."""
    try:
        return step()
    except NotMeasured as why:
        return Step(name, "not measured", str(why))
    except MlregError as error:
        return Step(name, "failed", str(error))
