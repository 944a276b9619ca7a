"""Outcomes of several versions over some weeks of a small market."""

import numpy as np
import pandas as pd

from mlreg_dagster.core.hours import HOUR, as_hour

MONDAY = as_hour("2024-01-01")
OTHERS = ("ranking:volatility", "ranking:fall")


def market(weeks=12, seed=0, instruments=12, start=MONDAY, every=6, **skills):
    """Rows of PREDICTION_OUTCOMES as far as a verdict reads them.

    Args:
        weeks: So many, from a Monday on.
        seed: Of all chance.
        instruments: So many.
        start: The first hour.
        every: Hours between predictions.
        skills: Of each version, by how much its scores are raised before crashes; of a ranking by its name alone.
    """
    rng = np.random.default_rng(seed)
    hours = pd.date_range(start, periods=weeks * 7 * 24 // every, freq=every * HOUR, unit="us")
    crash = np.zeros((len(hours), instruments), dtype=bool)
    for begin in rng.choice(len(hours), size=4 * weeks, replace=False):
        crash[begin : begin + 3, rng.random(instruments) < 0.4] = True
    rows = pd.DataFrame(
        {
            "hour": (hours + 24 * HOUR).repeat(instruments),
            "prediction_hour": hours.repeat(instruments),
            "instrument_id": [f"coin {number:02d}" for _ in hours for number in range(instruments)],
            "in_sample": False,
            "outcome": np.where(crash.ravel(), "crash", "no_crash"),
        }
    )
    parts = []
    for name, skill in skills.items():
        score = (rng.normal(size=crash.shape) + skill * crash).ravel()
        version = name if name.startswith("v") and name[1:].isdigit() else f"ranking:{name}"
        parts.append(rows.assign(model_version=version, score=score, is_anomaly=score > 1.4))
    return pd.concat(parts, ignore_index=True)
