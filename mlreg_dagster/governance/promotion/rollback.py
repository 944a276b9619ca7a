"""The trial before a rollback: the old model must still score, and score as it did when it was champion."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from mlreg_dagster.models.artifacts.artifact import Model

_COMPARED_HOURS = 24
_TOLERANCE = 1e-9  # relative; matrix products of another number of rows are rounded otherwise


class RollbackRefused(MlregError):
    """The target of a rollback can't score as it did; the alias did not move."""


def validate(model: "Model", tables: Warehouse, settings: Settings) -> dict[str, Any]:
    """Score the newest hour, and the last day on record of the model's own predictions again.

    Args:
        model: The target, loaded by its registered hash.
        tables: Where features and predictions are.
        settings: With which features are computed now.

    Returns:
        The result, for the record: the newest hour and its rows; the hours compared, their rows and the largest
        difference. Where nothing is on record nothing is compared, and `compared_rows` is 0.

    Raises:
        RollbackRefused: It gives no finite score for the newest hour, or other scores than those on record.
        FeatureMismatch, OtherFeatureSettings: It was trained on features that are no longer computed.
    """
    version = str(model.manifest["version"])
    table = features_table(settings.features)
    with tables.session():
        newest = tables.newest(table)
        if newest is None:
            return {"newest_hour": None, "compared_rows": 0}
        latest = tables.read(table, newest, newest)
        recorded = _last_predictions(tables, version)
        hours = recorded["hour"]
        then = tables.read(table, hours.min(), hours.max()) if len(recorded) else latest.iloc[:0]
    scores = model.score(model.select(latest))
    if not np.isfinite(scores).all():
        raise RollbackRefused(f"{version} gives no finite score to some rows of {newest:%Y-%m-%d %H:%M}. Name another.")
    trial = {"newest_hour": newest.isoformat(), "newest_rows": len(latest), "compared_rows": 0}
    rows = recorded.merge(then, on=["hour", "instrument_id"], validate="one_to_one")
    if rows.empty:
        return trial
    again = model.score(model.select(rows))
    apart = np.abs(again - rows["score"].to_numpy())
    if (apart > _TOLERANCE * np.abs(again)).any():
        worst = rows.iloc[int(apart.argmax())]
        raise RollbackRefused(
            f"{version} does not score as it did: {worst.instrument_id} at {worst.hour:%Y-%m-%d %H:%M} was "
            f"{worst.score:.6g} and is {again[apart.argmax()]:.6g}. Its features or the libraries have changed since. "
            f"Materialize predictions for that hour to see, or name another version."
        )
    return trial | {
        "compared_first": hours.min().isoformat(),
        "compared_last": hours.max().isoformat(),
        "compared_rows": len(rows),
        "largest_difference": float(apart.max()),
    }


def _last_predictions(tables: Warehouse, version: str) -> pd.DataFrame:
    """The last hours in which a version scored: hour, instrument_id, score."""
    tables.newest(PREDICTIONS)  # the table is there from now on
    last = tables.query(
        f"SELECT max(hour) AS hour FROM {PREDICTIONS.name} WHERE model_version = $version",  # noqa: S608
        {"version": version},
    )["hour"].iloc[0]
    if pd.isna(last):
        return PREDICTIONS.empty()[["hour", "instrument_id", "score"]]
    rows = tables.read(PREDICTIONS, last - (_COMPARED_HOURS - 1) * HOUR, last)
    return rows.loc[rows["model_version"] == version, ["hour", "instrument_id", "score"]]
