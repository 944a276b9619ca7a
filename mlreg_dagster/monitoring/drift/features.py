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

WANDERS = ("all_time_high",)
"""Families whose level has no usual value."""

SHORT_MEMORY = (
    "change_1h_pct",
    "slog_volume_24h",
    "market_cap_to_volume",
    "change_1h_pct_std_6h",
)
"""What forgets an event within a day or two: only these say whether a drift lasts."""


def takes_part(families: Mapping[str, str]) -> tuple[str, ...]:
    """The features that take part, of all features by name to family, in their order."""
    return tuple(name for name, family in families.items() if family not in TAKES_NO_PART)


def flags(names: tuple[str, ...], families: Mapping[str, str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of each feature whether its memory is short, and whether its level wanders."""
    short = np.array([name in SHORT_MEMORY for name in names])
    return short, np.array([families[name] in WANDERS for name in names])
