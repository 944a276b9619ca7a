"""Crash episodes: what is one event, however many rows, hours and instruments it fills."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.names import EPISODE_GAP_HOURS

GAP = EPISODE_GAP_HOURS * HOUR


def episodes_of(crashes: pd.DataFrame) -> pd.DataFrame:
    """The episodes of each instrument.

    Args:
        crashes: prediction_hour and instrument_id of predictions that a crash followed; repetitions don't matter.

    Returns:
        instrument_id, `first` and `last` prediction hour of each episode and its number of distinct `crashes`, ordered
        by instrument and time.
    """
    rows = crashes[["instrument_id", "prediction_hour"]].drop_duplicates()
    rows = rows.sort_values(["instrument_id", "prediction_hour"], ignore_index=True)
    begins = (rows["instrument_id"] != rows["instrument_id"].shift()) | (rows["prediction_hour"].diff() >= GAP)
    return (
        rows.groupby(begins.cumsum().rename("episode"))
        .agg(
            instrument_id=("instrument_id", "first"),
            first=("prediction_hour", "first"),
            last=("prediction_hour", "last"),
            crashes=("prediction_hour", "size"),
        )
        .reset_index(drop=True)
    )


def independent(episodes: pd.DataFrame) -> int:
    """How many independent events there are: the most episodes of which no two overlap.

    Instruments fall together, so episodes that overlap count as one event. Taken one after the other by their end, each
    that begins after the last one taken has ended is the largest such set (interval scheduling: Kleinberg and Tardos,
    "Algorithm Design", 2005, section 4.1). Merging whatever overlaps would not do: among hundreds of instruments
    something falls at any hour, and a year would be a single event.

    Args:
        episodes: As `episodes_of` returns them; `first` and `last` are read.
    """
    number, until = 0, None
    for first, last in _by_end(episodes):
        if until is None or first > until:
            number, until = number + 1, last
    return number


def _by_end(episodes: pd.DataFrame) -> Iterable[tuple[np.datetime64, np.datetime64]]:
    ordered = episodes.sort_values(["last", "first"])
    return zip(ordered["first"].to_numpy(), ordered["last"].to_numpy(), strict=True)
