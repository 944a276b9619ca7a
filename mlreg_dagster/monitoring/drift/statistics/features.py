"""Which features take part in drift, and how: by what they measure and how long they remember.

A feature of the clock drifts every day; one that counts gaps belongs to data quality. A level that wanders, such as
the distance from an all-time high, has no usual value: only its daily change counts. A feature that remembers a day
or a week shows an hour's event as long, so that it can't say whether something lasts.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

TAKES_NO_PART = ("clock", "gaps")
"""Families of features that are no part of drift."""

SHORT_MEMORY = (
    "change_1h_pct",
    "market_cap_to_volume",
    "slog_volume_24h",
    "change_1h_pct_std_6h",
)
"""What forgets an event within a day or two: only these say whether a drift lasts."""

_VOLUME = "slog_volume_24h"


def wanders(name: str, family: str) -> bool:
    """Whether a feature is a level without a usual value: a price against its high, or volume, which a price moves.

    Volume against market cap has a usual value, and so has how much a volume varies.
    """
    return family == "all_time_high" or (name.startswith(_VOLUME) and "_std_" not in name)


def takes_part(families: Mapping[str, str]) -> tuple[str, ...]:
    """The features that take part, of all features by name to family, in their order."""
    return tuple(name for name, family in families.items() if family not in TAKES_NO_PART)


def flags(names: tuple[str, ...], families: Mapping[str, str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of each feature whether its memory is short, and whether its level wanders."""
    short = np.array([name in SHORT_MEMORY for name in names])
    return short, np.array([wanders(name, families[name]) for name in names])
