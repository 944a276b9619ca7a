"""Outcomes of some weeks, and the rows of model_worth that the asset makes of them."""

import numpy as np
import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.outcomes.worth import daily
from mlreg_dagster.outcomes.worth.schema import MODEL_WORTH
from mlreg_dagster_tests.outcomes.frames import outcomes_of

SETTINGS = OutcomeSettings(worth={"resamples": 100, "min_blocks": 2, "min_episodes": 1, "max_false_positive_rate": 0.2})
DAY = pd.Timedelta(days=1)
INSTRUMENTS = 12
DAYS = 29
FIRST = pd.Timestamp("2020-01-01", tz="UTC")


def market(days=DAYS, seed=3, last_hour=24):
    """A champion that changes hands, a challenger and two rankings; hours from `last_hour` on are closed."""
    random = np.random.default_rng(seed)
    rows = []
    for offset in range(days * 24):
        if offset % 24 >= last_hour:
            continue
        crash = random.random(INSTRUMENTS) < 0.08
        handed_over = offset >= 10 * 24
        for version, role, skill in (
            ("v1", "requested" if handed_over else "champion", 0.5),
            ("v2", "champion" if handed_over else "challenger", 2.5),
            ("ranking:fall", "ranking", 0.8),
            ("ranking:volatility", "ranking", 0.0),
        ):
            score = random.normal(size=INSTRUMENTS) + skill * crash
            rows += [
                {
                    "at": offset + 24,
                    "instrument_id": f"i{number:02}",
                    "model_version": version,
                    "role": role,
                    "score": score[number],
                    "threshold": 1.5,
                    "is_anomaly": bool(score[number] > 1.5),
                    "outcome": "crash" if crash[number] else "no_crash",
                }
                for number in range(INSTRUMENTS)
            ]
    return outcomes_of(rows)


def counted_in(pieces, outcomes):
    """The rows of MODEL_WORTH, made piece by piece as the asset makes them."""
    made = MODEL_WORTH.empty()
    for piece in pieces:
        first, last = daily.first_outcome_hour(piece[0], 24), piece[-1] + 23 * HOUR
        read = outcomes[outcomes["hour"].between(first, last)]
        counted = daily.count_days(read, piece, SETTINGS)
        asked = [day for day in piece if daily.asks_for_verdict(day, 24) or day == piece[-1]]
        crashes = daily.crashes_by_version(outcomes[(outcomes["hour"] <= last) & (outcomes["role"] != "ranking")])
        rows = daily.rows_with_verdicts(counted, made, crashes, asked, SETTINGS)
        made = pd.concat([made, rows], ignore_index=True) if len(made) else rows
    return made


def days_from(first, number):
    return pd.date_range(FIRST + first * DAY, periods=number, freq="D", unit="us")
