"""Feature provenance: each row stores the settings it was computed with, so that readers can reject a mismatch.

A changed `min_window_share` alters values under the same column names, so names alone are not enough.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlreg_dagster.config import canonical
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.times import hour_key

if TYPE_CHECKING:
    import pandas as pd

FEATURE_SETTINGS = "feature_settings"
"""The column of `market_features` that holds `FeatureSettings.text`."""


class OtherFeatureSettings(MlregError):
    """Rows of features that were computed with other settings than the reader goes by."""


def require_settings(rows: "pd.DataFrame", expected: Mapping[str, Any], whose: str, remedy: str) -> None:
    """Refuse rows of which one was computed with other settings.

    Args:
        rows: Rows of `market_features`, with their keys.
        expected: The settings that all of them must have been computed with.
        whose: Whose settings these are, for the message.
        remedy: What to do, for the message.

    Raises:
        OtherFeatureSettings: A row was computed with others, or the rows don't say with which.
    """
    if FEATURE_SETTINGS not in rows.columns:
        raise OtherFeatureSettings(
            f"These rows have no column {FEATURE_SETTINGS}, so it is unknown whether they were computed with those of "
            f"{whose}. {remedy}"
        )
    other = rows[rows[FEATURE_SETTINGS] != canonical(expected)]
    if other.empty:
        return
    differing = differences(json.loads(other[FEATURE_SETTINGS].iloc[0]), expected, whose)
    hours = f"{hour_key(other['hour'].min())}...{hour_key(other['hour'].max())}"
    raise OtherFeatureSettings(
        f"{len(other)} of {len(rows)} rows of market_features (in {hours}) were computed with other feature settings: "
        f"{differing}. {remedy}"
    )


def differences(found: Mapping[str, Any], expected: Mapping[str, Any], whose: str) -> str:
    """The settings in which rows differ from what a reader goes by, for a message."""
    return "; ".join(
        f"{name} is {found.get(name)} there, {expected.get(name)} in {whose}"
        for name in sorted(found.keys() | expected.keys())
        if found.get(name) != expected.get(name)
    )
