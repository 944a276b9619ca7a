"""Frozen thresholds that were moved during a temporary drift: how far, and in which hours they count.

Whether one is moved is decided in `monitoring.response`; versions that follow a flag budget adapt by themselves.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.registry import DriftDecision
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_WEEK = pd.Timedelta(days=7)


def moved(frozen: float, scores: NDArray[np.float64], share: float, most: float) -> float:
    """The threshold that flags a share of recent scores, at most so far from the frozen one.

    Args:
        frozen: The threshold of the training rows.
        scores: Recent ones, in-sample ones left out.
        share: The share that was flagged of the training rows.
        most: How far it may move, relative to the frozen one.
    """
    if not len(scores):
        return frozen
    wanted = float(np.quantile(scores, 1 - share, method="inverted_cdf"))
    reach = most * abs(frozen)
    return float(np.clip(wanted, frozen - reach, frozen + reach))


def recent_scores(tables: Warehouse, version: str, end: pd.Timestamp) -> NDArray[np.float64]:
    """The scores of a version in the week before a time, in-sample ones left out."""
    rows = tables.read(
        PREDICTIONS, end - _WEEK, end - HOUR, columns=("hour", "instrument_id", "model_version", "score", "in_sample")
    )
    return rows.loc[(rows["model_version"] == version) & ~rows["in_sample"], "score"].to_numpy(dtype=np.float64)


class MovedThresholds:
    """The thresholds that decisions on drift moved.

    As of each hour the newest day that had been decided by then counts, and of that day the last record: what is
    recorded later moves nothing in hours before.

    Args:
        records: In the order in which they were recorded.
    """

    def __init__(self, records: Iterable[DriftDecision] = ()) -> None:
        self._records = list(records)

    def applied(
        self, version: str, hours: "pd.Series[pd.Timestamp]", thresholds: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Thresholds of rows of one version, moved in the hours in which they are to be.

        Args:
            version: Whose rows they are.
            hours: The hour of each row.
            thresholds: The frozen one, for each.
        """
        if not any(each.threshold and each.threshold["version"] == version for each in self._records):
            return thresholds
        at = {hour: self._at(version, hour) for hour in hours.unique()}
        values = hours.map(lambda hour: at[hour]).to_numpy(dtype=np.float64)
        return np.where(np.isnan(values), thresholds, values)

    def _at(self, version: str, hour: pd.Timestamp) -> float:
        """The moved threshold of a version at an hour; NaN: it is not moved."""
        known = [each for each in self._records if each.effective_at <= hour]
        newest = max(known, key=lambda each: (each.day, each.id), default=None)
        if newest is None or not newest.threshold or newest.threshold["version"] != version:
            return np.nan
        return float(newest.threshold["threshold"]) if hour < pd.Timestamp(newest.threshold["until"]) else np.nan
