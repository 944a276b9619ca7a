"""Validates each prediction by the price at the end of its horizon; `market.crashes` says what a crash is."""

import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.crashes import outcomes_of
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES


def validate_predictions(predictions: pd.DataFrame, prices: pd.DataFrame, settings: OutcomeSettings) -> pd.DataFrame:
    """Look up what the price did within the horizon after each prediction.

    Args:
        predictions: Rows of PREDICTIONS, as the warehouse keeps them.
        prices: As for `outcomes_of`.
        settings: As for `outcomes_of`.

    Returns:
        PREDICTION_OUTCOMES, a row for every prediction, in the order of `predictions`.

    Raises:
        InvalidRows: An instrument has two prices for one hour.
    """
    outcomes = predictions.assign(
        hour=predictions["hour"] + settings.horizon_hours * HOUR,
        prediction_hour=predictions["hour"],
        **outcomes_of(predictions, prices, settings),
    )
    return outcomes[list(PREDICTION_OUTCOMES.columns)]
