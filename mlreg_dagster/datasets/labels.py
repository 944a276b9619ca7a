"""Labelled rows: earlier feature rows with the outcome that is on record for them by the end of their window.

What trains on them is in `models.classifier`; what an outcome is, in `market.crashes`.
"""

from typing import Any

import pandas as pd

from mlreg_dagster.config import DatasetSettings, FeatureSettings, OutcomeSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets.freezing import within
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.crashes import outcomes_of
from mlreg_dagster.market.episodes import episodes_of
from mlreg_dagster.market.features.provenance import FEATURE_SETTINGS
from mlreg_dagster.market.names import CRASH, UNRESOLVED

LABEL = "outcome"
"""The column of the label: `crash`, `no_crash`, or `unresolved`, which is neither."""

LABELS = "labels"
"""In the lineage of a dataset: what its labelled rows are."""

_KEY = ["hour", "instrument_id"]
_OF_A_LABEL = ("horizon_hours", "target", "crash_pct", "price_tolerance_hours")


class NameOfLabel(MlregError):
    """A feature that bears the name of the label."""


def meaning_of(settings: OutcomeSettings) -> dict[str, Any]:
    """The settings that a label depends on; other settings of outcomes change none."""
    return settings.model_dump(mode="json", include=set(_OF_A_LABEL))


def select_rows_to_label(
    features: pd.DataFrame, window: Window, settings: DatasetSettings, computed_with: FeatureSettings
) -> pd.DataFrame:
    """The rows of the window that may be labelled: computed as features are now, of instruments seen often enough.

    A long window reaches back to before `features.yaml` was last changed. Such rows are left out, and counted.
    """
    rows = within(features, window)
    rows = rows[rows[FEATURE_SETTINGS] == computed_with.text]
    seen = rows.groupby("instrument_id")["hour"].transform("size")
    return rows[seen >= settings.min_snapshots_per_instrument].reset_index(drop=True)


def label_rows(rows: pd.DataFrame, prices: pd.DataFrame, window: Window, settings: OutcomeSettings) -> pd.DataFrame:
    """The rows with their outcomes, without those whose outcome was not on record when the window ended.

    Args:
        rows: Rows of `market_features` within the window.
        prices: hour, instrument_id and price, from `crashes.FALL_HOURS` before the window on. Those of the window's
            end and later have no part in what is returned. A row whose own price is gone stays unresolved.
        window: The hours that labels may be made from.
        settings: What a crash is, and when it is known.

    Returns:
        The rows that are kept, with the column LABEL.

    Raises:
        NameOfLabel: A feature has the name of the label, and would be overwritten.
        InvalidRows: An instrument has two prices for one hour.
    """
    if LABEL in rows.columns:
        raise NameOfLabel(f"A feature is named {LABEL!r}, as the label is. Rename it, or set label_days to null.")
    kept = purge(rows, window, settings.horizon_hours).reset_index(drop=True)
    priced = kept[_KEY].merge(prices[[*_KEY, "price"]], on=_KEY, how="left", validate="many_to_one")
    outcome = outcomes_of(priced, prices, settings)["outcome"]
    return kept.assign(**{LABEL: outcome.where(priced["price"].notna(), UNRESOLVED)})


def purge(rows: pd.DataFrame, window: Window, horizon_hours: int) -> pd.DataFrame:
    """Leave out the rows whose label reads a price of the window's end or later.

    Purging: López de Prado, "Advances in Financial Machine Learning", 2018, section 7.4.
    """
    return rows[rows["hour"] + horizon_hours * HOUR < window.end]


def describe_labels(
    labelled: pd.DataFrame, available: pd.DataFrame, window: Window, holdout: Window, settings: OutcomeSettings
) -> dict[str, Any]:
    """What labelled rows are, for the lineage.

    Args:
        labelled: As `label_rows` returns them.
        available: All feature rows of the window.
        window: The hours that the labels were made from.
        holdout: That of the same dataset; the embargo lies before it.
        settings: What a crash is.
    """
    crashes = labelled[labelled[LABEL] == CRASH]
    episodes = episodes_of(crashes.rename(columns={"hour": "prediction_hour"}))
    unresolved = int((labelled[LABEL] == UNRESOLVED).sum())
    return {
        "first_hour": window.first.isoformat(),
        "end": window.end.isoformat(),
        "embargo_hours": int((holdout.first - window.end) / HOUR),
        "outcomes": meaning_of(settings),
        "rows": len(labelled),
        "rows_left_out": len(within(available, window)) - len(labelled),
        "instruments": int(labelled["instrument_id"].nunique()),
        "hours_with_rows": int(labelled["hour"].nunique()),
        "unresolved": unresolved,
        "crashes": len(crashes),
        "episodes": len(episodes),
    }
