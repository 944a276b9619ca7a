"""Crash by crash: whether an episode was flagged, when first, and how long before the price had crossed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.hours import HOUR, hours_since_epoch
from mlreg_dagster.market.episodes import GAP
from mlreg_dagster.market.names import CRASH
from mlreg_dagster.outcomes.worth.blocks import blocks_of, interval, ratio


def episodes_of(outcomes: pd.DataFrame) -> list[dict[str, Any]]:
    """The crash episodes among a version's outcomes, the newest first.

    Args:
        outcomes: Its rows of PREDICTION_OUTCOMES; hours that are in-sample don't count.

    Returns:
        A row for each: `instrument_id`, `first` and `last` hour of a prediction before a crash, number of `crashes` and
        of `flagged` among them, hour of the `first_flag`, `lead_hours` from there to the crossing, and `fall_pct`: how
        far the price stood below its 6-hour high then. None: not flagged, or not known.
    """
    crashes = outcomes[~outcomes["in_sample"] & (outcomes["outcome"] == CRASH)]
    crashes = crashes.sort_values(["instrument_id", "prediction_hour"], ignore_index=True)
    begins = crashes["instrument_id"].ne(crashes["instrument_id"].shift()) | (crashes["prediction_hour"].diff() >= GAP)
    rows = [_episode(each) for _, each in crashes.groupby(begins.cumsum())]
    return sorted(rows, key=lambda each: (each["first"], each["instrument_id"]), reverse=True)


def caught_share(episodes: Sequence[Mapping[str, Any]], settings: OutcomeSettings) -> dict[str, Any]:
    """How many episodes were flagged, with the interval of their share by blocks of time."""
    caught = np.array([each["first_flag"] is not None for each in episodes], dtype=np.float64)
    if not len(caught):
        return {"episodes": 0, "flagged": 0, "share": None, "low": None, "high": None}
    first = pd.Series([each["first"] for each in episodes])
    counts, _ = blocks_of(np.stack([caught, np.ones(len(caught))], axis=1), hours_since_epoch(first) // 24)
    ends = interval(counts, ratio, settings.confidence, settings.bootstrap_samples)
    low, high = (None if np.isnan(end) else float(np.clip(end, 0, 1)) for end in ends)
    return {
        "episodes": len(caught),
        "flagged": int(caught.sum()),
        "share": float(caught.mean()),
        "low": low,
        "high": high,
    }


def _episode(rows: pd.DataFrame) -> dict[str, Any]:
    flagged = rows[rows["is_anomaly"]]
    first = None if flagged.empty else flagged.iloc[0]
    crossed = None if first is None or pd.isna(first["crossed_at"]) else first["crossed_at"]
    return {
        "instrument_id": str(rows["instrument_id"].iloc[0]),
        "first": rows["prediction_hour"].iloc[0],
        "last": rows["prediction_hour"].iloc[-1],
        "crashes": len(rows),
        "flagged": len(flagged),
        "first_flag": None if first is None else first["prediction_hour"],
        "lead_hours": None if first is None or crossed is None else (crossed - first["prediction_hour"]) / HOUR,
        "fall_pct": None if first is None or pd.isna(first["fall_6h_pct"]) else float(first["fall_6h_pct"]),
    }
