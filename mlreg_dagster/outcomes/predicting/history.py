"""Predictions on record before some hours and of these hours: what a flag policy looks back on.

They are read before the hours are written again. How a threshold follows from them is in `models.flagging`.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import FlaggingSettings
from mlreg_dagster.core.hours import HOUR, hours_since_epoch
from mlreg_dagster.models import flagging
from mlreg_dagster.models.flagging import Past, StartUp
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

COLUMNS = ("hour", "model_version", "score", "threshold", "is_anomaly", "in_sample", "artifact_sha256")
_OWN = ("hour", "score", "threshold", "is_anomaly", "in_sample")
Recorded = Mapping[tuple[str, str], pd.DataFrame]
"""Stored predictions with the columns of `_OWN`, by version and artifact, ordered by hour."""


def read(tables: Warehouse, hours: pd.DatetimeIndex, policies: Iterable[FlaggingSettings]) -> Recorded:
    """The stored predictions that the policies look back on from `hours`, those of `hours` included."""
    days = max((each.days for each in policies if each.policy == "trailing_share"), default=0)
    first, last = hours[0] - 24 * days * HOUR, hours[-1]
    with tables.session():
        tables.newest(PREDICTIONS)  # the table is there from now on
        kinds = tables.query(
            f"SELECT DISTINCT model_version, artifact_sha256 FROM {PREDICTIONS.name} "  # noqa: S608 - a name of ours
            "WHERE hour BETWEEN $first AND $last",
            {"first": first, "last": last},
        )
        # One after the other: the same two texts in each of very many rows would take most of the memory.
        return {
            (version, sha256): tables.read(
                PREDICTIONS, first, last, _OWN, only={"model_version": version, "artifact_sha256": sha256}
            )
            for version, sha256 in kinds.itertuples(index=False)
        }


def by_kind(predictions: pd.DataFrame) -> Recorded:
    """Rows of PREDICTIONS with COLUMNS, ordered by hour, by version and artifact."""
    by = predictions.groupby(["model_version", "artifact_sha256"], sort=False, observed=True)
    return {(str(version), str(sha256)): rows for (version, sha256), rows in by}


class History:
    """Stored predictions, by version and artifact.

    Args:
        recorded: What `read` or `by_kind` gives; None: there are none.
        first: The first hour that is going to be written; policies look back on what lies before it.
    """

    def __init__(self, recorded: Recorded | None, first: pd.Timestamp) -> None:
        self._rows, self._first = recorded or {}, first

    def thresholds(
        self,
        scored: pd.DataFrame,
        settings: FlaggingSettings,
        *,
        frozen: float | None = None,
        start: StartUp | None = None,
    ) -> NDArray[np.float64]:
        """The threshold of each row of one version, hour by hour.

        An hour that is on record keeps its threshold, so that late, repaired and repeated hours have one answer.
        In-sample hours get the frozen threshold, and no policy looks back on them.

        Args:
            scored: hour, model_version, score, in_sample and artifact_sha256 of one version; at least one row.
            settings: The flag policy.
            frozen: The version's frozen threshold; None: it has none, and in-sample hours follow the policy, too.
            start: What stands for the hours before its first one.
        """
        known = self._rows.get(
            (scored["model_version"].iloc[0], scored["artifact_sha256"].iloc[0]), PREDICTIONS.empty()
        )
        if frozen is not None:
            known = known[~known["in_sample"]]
        follows = ~scored["in_sample"].to_numpy(dtype=bool) | (frozen is None)
        before, hourly = known[known["hour"] < self._first], known.drop_duplicates("hour")
        result = np.full(len(scored), np.nan if frozen is None else frozen)
        result[follows] = flagging.thresholds(
            settings,
            hours_since_epoch(scored["hour"])[follows],
            scored["score"].to_numpy()[follows],
            frozen=frozen,
            start=start,
            past=Past(
                hours_since_epoch(before["hour"]), before["score"].to_numpy(), before["is_anomaly"].to_numpy(dtype=bool)
            ),
            recorded=dict(zip(hours_since_epoch(hourly["hour"]).tolist(), hourly["threshold"].tolist(), strict=True)),
        )
        return result
