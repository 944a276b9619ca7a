"""Outcomes of many predictions at once against looking each up in pandas, as one would write it row by row.

    python benchmarks/outcomes.py [days] [instruments] [rounds]

Every hundredth day has no prices, and of the others one row in fifty: some predictions find an older price, some none.
The reference is run on a sample of rows, whose outcomes must be the same, and its time is extrapolated. Medians.
"""

import sys
import time

import numpy as np
import pandas as pd
from features import seconds
from rich.console import Console
from rich.table import Table

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.names import CRASH, NO_CRASH, UNRESOLVED
from mlreg_dagster.outcomes.validation import validate_predictions

SETTINGS = OutcomeSettings(price_tolerance_hours=2)
SAMPLED = 5000


def market(days: int, instruments: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions for every hour and instrument, and the prices up to the end of the last horizon."""
    rng = np.random.default_rng(0)
    hours = hour_range(as_hour("2025-01-01"), as_hour("2025-01-01") + (24 * (days + 1) - 1) * HOUR)
    ids = pd.Index([f"coin-{number:04d}" for number in range(instruments)], dtype="str")
    rows = len(hours) * instruments
    prices = pd.DataFrame(
        {
            "hour": hours.repeat(instruments),
            "instrument_id": ids.take(np.tile(np.arange(instruments), len(hours))),
            "price": np.exp(3.0 + 0.01 * rng.standard_normal((len(hours), instruments)).cumsum(axis=0)).ravel(),
        }
    )
    made = prices.iloc[: 24 * days * instruments].reset_index(drop=True)
    score = rng.random(len(made))
    predictions = pd.DataFrame(
        {
            "hour": made["hour"],
            "instrument_id": made["instrument_id"],
            "model_version": pd.array(["v1"], dtype="str").repeat(len(made)),
            "role": pd.array(["champion"], dtype="str").repeat(len(made)),
            "score": score,
            "threshold": 0.9,
            "is_anomaly": score > 0.9,
            "in_sample": False,
            "price": made["price"],
            "artifact_sha256": pd.array(["0" * 64], dtype="str").repeat(len(made)),
        }
    )
    seen = (rng.random(rows) > 0.02) & (prices["hour"].dt.day_of_year % 100 != 50)
    return predictions, prices[seen].reset_index(drop=True)


def row_by_row(predictions: pd.DataFrame, prices: pd.Series) -> list[str]:
    """The outcome of each prediction; prices by hour and instrument."""
    outcomes = []
    for _, row in predictions.iterrows():
        due = row["hour"] + SETTINGS.horizon_hours * HOUR
        outcome = UNRESOLVED
        for older in range(SETTINGS.price_tolerance_hours + 1):
            key = (due - older * HOUR, row["instrument_id"])
            if key in prices.index:
                change_pct = 100 * (prices.at[key] - row["price"]) / row["price"]
                outcome = CRASH if round(change_pct, 9) <= SETTINGS.crash_pct else NO_CRASH
                break
        outcomes.append(outcome)
    return outcomes


def main(days: int = 365, instruments: int = 250, rounds: int = 5) -> None:
    predictions, prices = market(days, instruments)
    (ours,) = seconds(rounds, lambda: validate_predictions(predictions, prices, SETTINGS))
    found = validate_predictions(predictions, prices, SETTINGS)["outcome"]
    sample = predictions.sample(min(SAMPLED, len(predictions)), random_state=0)
    by_key = prices.set_index(["hour", "instrument_id"])["price"]
    started = time.perf_counter()
    expected = row_by_row(sample, by_key)
    reference = (time.perf_counter() - started) / len(sample) * len(predictions)
    if expected != found[sample.index].tolist():
        raise SystemExit("The two do not say the same.")
    table = Table(title=f"Outcomes of {len(predictions):,} predictions, {(found == UNRESOLVED).mean():.1%} unresolved")
    for name in ("row by row", "ours", "ratio"):
        table.add_column(name, justify="right")
    table.add_row(f"{reference:.0f} s (from {len(sample):,} rows)", f"{ours:.2f} s", f"{reference / ours:,.0f}x")
    Console().print(table)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
