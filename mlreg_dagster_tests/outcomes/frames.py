"""Small frames of the outcomes room, written down as what matters in them."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.storage.warehouse.tables import Table

START = as_hour("2020-01-01")

_DEFAULTS = {
    "instrument_id": "coin",
    "model_version": "v1",
    "role": "champion",
    "score": 0.5,
    "threshold": 1.0,
    "is_anomaly": False,
    "in_sample": False,
    "price": 1.0,
    "artifact_sha256": "0" * 64,
    "outcome_price": 1.0,
    "change_pct": 0.0,
    "worst_drop_pct": 0.0,
    "outcome": "no_crash",
}


def at(offset: int) -> pd.Timestamp:
    """The hour `offset` hours after START."""
    return START + offset * HOUR


def typed(table: Table, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=list(table.columns))
    return frame.astype(table.empty().dtypes)


def predictions_of(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of PREDICTIONS; `at` is the hour as an offset from START, what is left out has a default."""
    return typed(PREDICTIONS, ({**_DEFAULTS, **row, "hour": at(row.get("at", 0))} for row in rows))


def prices_of(prices: Mapping[tuple[str, int], float]) -> pd.DataFrame:
    """What an outcome is read from, from (instrument, offset) to price."""
    rows = ({"instrument_id": name, "hour": at(offset), "price": price} for (name, offset), price in prices.items())
    return typed(MARKET_SNAPSHOT, rows)[["hour", "instrument_id", "price"]]


def outcomes_of(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of PREDICTION_OUTCOMES; `at` is the outcome hour as an offset from START."""
    return typed(
        PREDICTION_OUTCOMES,
        (
            {**_DEFAULTS, **row, "hour": at(row.get("at", 0)), "prediction_hour": at(row.get("at", 0) - 24)}
            for row in rows
        ),
    )


def over_weeks(outcomes: pd.DataFrame, weeks: int) -> pd.DataFrame:
    """The same outcomes week after week, with one row less in each, so that the weeks differ."""
    parts = (
        outcomes.iloc[week:].assign(
            hour=outcomes["hour"] + 7 * 24 * week * HOUR,
            prediction_hour=outcomes["prediction_hour"] + 7 * 24 * week * HOUR,
        )
        for week in range(weeks)
    )
    return pd.concat(parts, ignore_index=True)
