"""A promotion as it is asked for: one value for the job, commands, sensors, replays and the demo, with its run config.

Whether it is granted is decided in `promotion`.
"""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import as_time
from mlreg_dagster.models.names import CHAMPION

_PLACEHOLDERS = {
    *("reason", "why", "text", "string", "none", "null", "undefined", "n/a", "na", "todo", "tbd", "tba", "fixme"),
    *("placeholder", "example", "dummy", "lorem", "ipsum", "fill", "in", "here", "change", "me", "changeme"),
}


class NotAReason(MlregError):
    """A text that stands where a reason should."""


@dataclass(frozen=True)
class PromotionRequest:
    """Which version is to hold which alias.

    Attributes:
        version: `v7`, `latest`, `latest-1` or an alias.
        reason: Why.
        actor: Requested by.
        alias: Which alias.
        effective_at: From when it counts, ISO 8601; None = now.
        expected: The holder that the requester saw; None = the holder at the time of the run.
    """

    version: str
    reason: str
    actor: str
    alias: str = CHAMPION
    effective_at: str | None = None
    expected: str | None = None

    @property
    def effective_time(self) -> pd.Timestamp | None:
        """From when it counts; None = now.

        Raises:
            NotAnHour: It is no time.
        """
        return None if self.effective_at is None else as_time(self.effective_at)

    @property
    def run_config(self) -> dict[str, Any]:
        """For the job `promote`."""
        return {"ops": {"champion_model": {"config": asdict(self)}}}

    @property
    def tags(self) -> dict[str, str]:
        """For its run, so that the list of runs shows what each was for."""
        return promotion_tags(self.version, self.alias, self.actor)


def promotion_tags(version: str, alias: str, actor: str) -> dict[str, str]:
    """The tags of a run that promotes."""
    return {"mlreg/version": version, "mlreg/alias": alias, "mlreg/actor": actor}


def require_reason(text: str) -> None:
    """Refuse a placeholder that a form holds before a person has written a reason into it.

    Raises:
        NotAReason: Only punctuation, one character over and over, or words that stand for a text.
    """
    words = [word.strip(".,:;!?…<>[](){}\"'`*_-#") for word in text.casefold().split()]
    words = [word for word in words if word]
    if len(set("".join(words))) < 2 or all(word in _PLACEHOLDERS for word in words):
        raise NotAReason(f"{text!r} is no reason but a placeholder. Say why this version, for those who ask later.")
