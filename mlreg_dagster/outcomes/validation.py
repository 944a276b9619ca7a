"""What became of each prediction, by the price at the end of its horizon.

The clock decides, never the row count: a missing hour shifts nothing. Nothing is read from after the horizon.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.hours import HOUR
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.outcomes.schema import (
    CRASH,
    NO_CRASH,
    PREDICTION_OUTCOMES,
    PREDICTIONS,
    UNRESOLVED,
    WHOLE_HOUR,
)
from mlreg_dagster.storage.tables import UTC, Table, column

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]

PRICES = Table(
    name="prices",
    description="What an outcome is read from: three columns of market_snapshot.",
    key=("hour", "instrument_id"),
    columns={
        "hour": column(UTC, "Hour of the price.", WHOLE_HOUR),
        "instrument_id": MARKET_SNAPSHOT.columns["instrument_id"],
        "price": MARKET_SNAPSHOT.columns["price"],
    },
)


def validate_predictions(predictions: pd.DataFrame, prices: pd.DataFrame, settings: OutcomeSettings) -> pd.DataFrame:
    """Look up what the price did within the horizon after each prediction.

    The outcome is read from the price at exactly the horizon or, if that hour is missing, from the newest one
    at most `price_tolerance_hours` older. Without either the prediction is `unresolved`.

    Args:
        predictions: Rows of PREDICTIONS.
        prices: Rows of PRICES, from the first prediction hour to the last plus the horizon; those after a
            prediction's horizon don't change its outcome.
        settings: Horizon and tolerance in hours, the change in % from which a fall is a crash.

    Returns:
        PREDICTION_OUTCOMES, a row for every prediction, in the order of `predictions`.

    Raises:
        InvalidRows: A prediction or price breaks its schema, or an instrument has two prices for one hour.
    """
    predictions = PREDICTIONS.validate(predictions.reset_index(drop=True))
    prices = PRICES.validate(prices.reset_index(drop=True))
    made, seen = _on_one_line(predictions, prices, settings.horizon_hours)
    order = np.argsort(seen)
    seen, prices = seen[order], prices.iloc[order].reset_index(drop=True)
    due = made + settings.horizon_hours
    first = np.searchsorted(seen, made, side="right")
    end = np.searchsorted(seen, due, side="right")
    resolved = np.searchsorted(seen, due - settings.price_tolerance_hours, side="left") < end

    newest = prices.reindex(np.where(resolved, end - 1, -1)).reset_index(drop=True)
    lowest = _lowest(prices["price"].to_numpy(), first, end)
    change_pct = _change_pct(newest["price"], predictions["price"])
    outcomes = predictions.assign(
        hour=predictions["hour"] + settings.horizon_hours * HOUR,
        prediction_hour=predictions["hour"],
        outcome_price=newest["price"],
        outcome_price_hour=newest["hour"],
        change_pct=change_pct,
        worst_drop_pct=_change_pct(pd.Series(lowest), predictions["price"]),
        outcome=np.select([~resolved, change_pct <= settings.crash_pct], [UNRESOLVED, CRASH], NO_CRASH),
    )
    return outcomes[list(PREDICTION_OUTCOMES.columns)]


def _on_one_line(predictions: pd.DataFrame, prices: pd.DataFrame, horizon_hours: int) -> tuple[_Ints, _Ints]:
    """Instrument and hour of each row as one number, so that a window of hours is a range of numbers.

    The instruments lie end to end with more than a horizon between them, and an hour is a step of 1; an
    instrument without prices lies before all others.
    """
    hours = [frame["hour"].dt.as_unit("s").astype("int64").to_numpy() // 3600 for frame in (predictions, prices)]
    length = 2 * np.abs(np.concatenate(hours)).max(initial=0) + horizon_hours + 1
    instruments = pd.Index(prices["instrument_id"].unique())
    made = instruments.get_indexer(predictions["instrument_id"]) * length + hours[0]
    seen = instruments.get_indexer(prices["instrument_id"]) * length + hours[1]
    return made, seen


def _lowest(values: _Floats, first: _Ints, end: _Ints) -> _Floats:
    """The least of `values[first:end]` for each pair of positions; NaN where that is empty."""
    lowest = np.full(len(first), np.nan)
    some = np.flatnonzero(first < end)
    some = some[np.argsort(first[some])]  # in order, the stretches between two ranges are short or empty
    ranges = np.column_stack([first[some], end[some]]).ravel()
    lowest[some] = np.minimum.reduceat(np.append(values, np.inf), ranges)[::2]
    return lowest


def _change_pct(later: "pd.Series[float]", price: "pd.Series[float]") -> "pd.Series[float]":
    """Change in %, rounded so that a fall from 1.00 to 0.85 is -15 % and not -14.999999999999998 %."""
    return (100 * (later - price) / price).round(9)
