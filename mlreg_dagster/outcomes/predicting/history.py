"""Predictions on record before some hours and of these hours: what a flag policy looks back on.

They are read before the hours are written again. How a threshold follows from them is in `models.flagging`.
"""

from collections.abc import Iterable

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

_WITHIN = f"FROM {PREDICTIONS.name} WHERE hour BETWEEN $first AND $last"
_KINDS = (  # the same texts stand in very many rows: a number for each takes a fifth of the memory
    "SELECT *, row_number() OVER (ORDER BY model_version, artifact_sha256) - 1 AS number "  # noqa: S608
    f"FROM (SELECT DISTINCT model_version, artifact_sha256 {_WITHIN})"
)
_NUMBERED = (
    "SELECT hour, score, threshold, is_anomaly, in_sample, number "  # noqa: S608
    f"FROM (SELECT * {_WITHIN}) JOIN ({_KINDS}) USING (model_version, artifact_sha256) ORDER BY hour, number"
)


def read(tables: Warehouse, hours: pd.DatetimeIndex, policies: Iterable[FlaggingSettings]) -> pd.DataFrame:
    """The stored predictions that the policies look back on from `hours`, those of `hours` included."""
    days = max((each.days for each in policies if each.policy == "trailing_share"), default=0)
    bounds: dict[str, object] = {"first": hours[0] - 24 * days * HOUR, "last": hours[-1]}
    with tables.session():
        tables.newest(PREDICTIONS)  # the table is there from now on
        kinds = tables.query(f"{_KINDS} ORDER BY number", bounds)
        rows = tables.query(_NUMBERED, bounds)
    numbers = rows.pop("number").to_numpy()
    for name in ("model_version", "artifact_sha256"):
        codes, names = pd.factorize(kinds[name])
        rows[name] = pd.Categorical.from_codes(codes[numbers], names)
    return rows[list(COLUMNS)]


class History:
    """Stored predictions, by version and artifact.

    Args:
        recorded: Rows of PREDICTIONS with COLUMNS, ordered by hour; None: there are none.
        first: The first hour that is going to be written; policies look back on what lies before it.
    """

    def __init__(self, recorded: pd.DataFrame | None, first: pd.Timestamp) -> None:
        recorded = PREDICTIONS.empty() if recorded is None else recorded
        by = recorded.groupby(["model_version", "artifact_sha256"], sort=False, observed=True)
        self._rows = {(str(version), str(sha256)): rows for (version, sha256), rows in by}
        self._first = first

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
