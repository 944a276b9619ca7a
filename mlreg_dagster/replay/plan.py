"""What to replay: from when to when, which models, and how a version becomes champion."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.people import REPLAY

ACTOR = REPLAY

_DAY = pd.Timedelta(days=1)
_RETRAIN = {"daily": 1, "weekly": 7, "monthly": 30}

Select = Literal["evaluation", "outcomes", "rollout"]
"""How a version becomes champion."""

OnStep = Callable[[str, pd.Timestamp], None]
"""Takes each step before it begins, and the replayed time."""


class CannotReplay(MlregError):
    """A stretch of history that can't be replayed."""


@dataclass(frozen=True)
class Replay:
    """What to replay.

    Attributes:
        first: First midnight, UTC.
        end: The midnight after the last day.
        period_days: Days between two trainings.
        models: Config files that are trained each time, without .yaml.
        policy: What lets a version become champion.
        select: `evaluation`: each training may bring a new champion, by `policy`. `outcomes`: challengers score beside
            the champion, and one replaces it only once its matured outcomes are better. `rollout`: each training may
            bring a candidate, by `policy`, that is rolled out step by step.
        shadow_days: With `outcomes`, after how many days a challenger gives way to a newly trained one.
        compares: Whether other policies are played beside it, so that the report can compare them.
    """

    first: pd.Timestamp
    end: pd.Timestamp
    period_days: int
    models: tuple[str, ...]
    policy: PromotionSettings
    select: Select = "evaluation"
    shadow_days: int = 84
    compares: bool = False

    def periods(self) -> Iterator[tuple[pd.Timestamp, pd.Timestamp]]:
        """First midnight of each period and the one after it."""
        starts = pd.date_range(self.first, self.end - _DAY, freq=f"{self.period_days}D", unit="us")
        for start in starts:
            yield start, min(start + self.period_days * _DAY, self.end)


def days_between(retrain: str) -> int:
    """Days between two trainings, from a word or a number.

    Raises:
        CannotReplay: It is neither a word that is known nor a number of days.
    """
    days = _RETRAIN.get(retrain) or (int(retrain) if retrain.isdecimal() else 0)
    if not days:
        raise CannotReplay(f"Retraining {retrain!r} is unknown. Write {', '.join(_RETRAIN)}, or a number of days.")
    return days
