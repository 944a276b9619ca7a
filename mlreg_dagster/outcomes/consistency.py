"""Whether stored outcomes mean what outcomes.yaml says now; no summary may mix two meanings of a crash unnoticed.

Rows hold no settings of their own: their horizon, prices and outcome tell.
"""

import duckdb
import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.market.names import CRASH, NO_CRASH, UNRESOLVED
from mlreg_dagster.outcomes.names import OUTCOMES_TABLE

_HOUR_US = 3_600_000_000


def hours_under_other_settings(connection: duckdb.DuckDBPyConnection, settings: OutcomeSettings) -> pd.DatetimeIndex:
    """The outcome hours in which a row is not what the settings make of its prices, ascending.

    Args:
        connection: To the tables, of which prediction_outcomes is there.
        settings: Horizon, target, tolerance and the change from which a fall is a crash.
    """
    # As whole numbers: DuckDB compares the difference of two times with an interval in twenty times the time.
    since_prediction = "epoch_us(hour) - epoch_us(prediction_hour)"
    after_price = "epoch_us(hour) - epoch_us(outcome_price_hour)"
    fall = "change_pct" if settings.target == "close" else "worst_drop_pct"
    found = connection.execute(
        f"SELECT DISTINCT hour FROM {OUTCOMES_TABLE} WHERE "  # noqa: S608 - names of ours
        f"{since_prediction} <> $horizon OR {after_price} > $tolerance "
        f"OR outcome <> CASE WHEN {fall} <= $crash THEN '{CRASH}' WHEN change_pct IS NULL THEN '{UNRESOLVED}' "
        f"ELSE '{NO_CRASH}' END ORDER BY 1",
        {
            "horizon": settings.horizon_hours * _HOUR_US,
            "tolerance": settings.price_tolerance_hours * _HOUR_US,
            "crash": settings.crash_pct,
        },
    ).df()
    return pd.DatetimeIndex(found["hour"])


def in_words(hours: pd.DatetimeIndex, settings: OutcomeSettings) -> str:
    """What was found, in a sentence."""
    now = (
        f"horizon_hours {settings.horizon_hours}, target {settings.target}, crash_pct {settings.crash_pct:g}, "
        f"price_tolerance_hours {settings.price_tolerance_hours} (outcomes.yaml)"
    )
    if hours.empty:
        return f"All outcomes are those of {now}."
    return (
        f"The outcomes of {len(hours)} hours, from {hours[0]:%Y-%m-%d %H:%M} to {hours[-1]:%Y-%m-%d %H:%M}, were made "
        f"under other settings than {now}; summaries mix the two."
    )
