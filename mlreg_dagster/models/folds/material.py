"""A fold: what is fitted to, and what is judged, with its outcomes looked up and anomalies planted.

Anomalies are planted by the code that plants those of gates, with other seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, day_key
from mlreg_dagster.datasets import labels
from mlreg_dagster.datasets.freezing import Dataset, within
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.models.evaluation.rounds import PlantedRound, plant_anomalies
from mlreg_dagster.models.folds.precision import precision_at_budget
from mlreg_dagster.models.folds.splits import Split, days_of


class NothingToJudgeBy(MlregError):
    """A fold without rows; the message says which hours."""


@dataclass(frozen=True)
class Fold:
    """One fold, ready to be fitted and judged.

    Attributes:
        split: Its hours.
        train: The rows to fit, as a training dataset has them.
        judged: Rows whose outcome is known, with the column LABEL.
        rounds: Anomalies planted into the judged hours; the first ones are one of each kind.
    """

    split: Split
    train: Dataset
    judged: pd.DataFrame
    rounds: list[PlantedRound]

    @property
    def crashed(self) -> NDArray[np.bool_]:
        """Whether a crash followed each judged row."""
        return (self.judged[labels.LABEL] == CRASH).to_numpy(dtype=bool)

    @property
    def first_rounds(self) -> int:
        """How many rounds make one of each kind."""
        return len({each.kind for each in self.rounds})

    def worth(self, scores: NDArray[np.float64], budget: float) -> float | None:
        """Precision at the flag budget of scores of the judged rows; None where no crash is among them."""
        crashed = self.crashed
        return precision_at_budget(scores, crashed, budget) if crashed.any() else None


@dataclass(frozen=True)
class Ground:
    """What judged hours are taken from.

    Attributes:
        rows: Feature rows.
        market: Snapshots behind them, from as far before them as features look back; into these is planted.
        prices: hour, instrument_id and price, up to a horizon after them.
        settings: Features, outcomes, and what gates plant.
    """

    rows: pd.DataFrame
    market: pd.DataFrame
    prices: pd.DataFrame
    settings: Settings

    def fold(self, split: Split, train: Dataset, seeds: Sequence[int]) -> Fold | None:
        """Plant into the judged hours of a split, and look up their outcomes; None: they have no rows.

        Args:
            split: The hours.
            train: What is known before them.
            seeds: Of the planting.

        Raises:
            OtherFeatureSettings: Rows were computed with other settings than features.yaml has.
        """
        rows, outcomes = within(self.rows, split.judged), self.settings.outcomes
        if rows.empty:
            return None
        read = Window(split.judged.first, split.judged.end + outcomes.horizon_hours * HOUR)
        judged = labels.label_rows(rows, self.prices, read, outcomes)
        known = judged[judged[labels.LABEL] != UNRESOLVED].reset_index(drop=True)
        return Fold(split, train, known, self._plant(rows, split.judged, seeds))

    def _plant(self, rows: pd.DataFrame, judged: Window, seeds: Sequence[int]) -> list[PlantedRound]:
        """Day by day; one round of each kind first."""
        lookback = self.settings.max_lookback_hours
        injection = self.settings.evaluation.injection.model_copy(update={"seeds": tuple(seeds)})
        rounds: list[PlantedRound] = []
        for day in days_of(judged):
            known = within(self.market, Window(day.first - lookback * HOUR, day.end))
            of_day = within(rows, day)
            if not of_day.empty:
                holdout = Dataset(day_key(day.first), of_day, known, day, {}, "")
                rounds += plant_anomalies(holdout, injection, self.settings.features, lookback)
        firsts: dict[str, int] = {}
        for place, each in enumerate(rounds):
            firsts.setdefault(each.kind, place)
        order = [*firsts.values(), *(place for place in range(len(rounds)) if place not in firsts.values())]
        return [rounds[place] for place in order]
