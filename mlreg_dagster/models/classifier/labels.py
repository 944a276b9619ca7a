"""The labelled rows of a dataset as a classifier learns from them, and the datasets that it refuses."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, as_hour, hours_since_epoch
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.datasets.labels import LABEL, LABELS, meaning_of
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.models.detectors.names import CRASH_CLASSIFIER

FEWEST_EPISODES = 100
"""Crash episodes that a classifier asks for: rows of one episode tell the same story."""


class CannotLearn(MlregError):
    """A dataset whose labels are missing, too few, or not apart from the holdout."""


@dataclass(frozen=True)
class Labels:
    """What a classifier is fitted to besides the features.

    Attributes:
        crashed: Whether a crash followed each row.
        hours: The hour of each row.
        gap_hours: From a row to the first one that shares no price with its label: horizon plus embargo.
    """

    crashed: NDArray[np.bool_]
    hours: NDArray[np.int64]
    gap_hours: int


def labelled_rows(dataset: Dataset) -> pd.DataFrame:
    """The rows of a dataset whose outcome is known.

    Raises:
        CannotLearn: The dataset has no labels, too few crash episodes, or labels that reach too near to its holdout.
    """
    labels = dataset.lineage.get(LABELS)
    if dataset.labelled is None or labels is None:
        raise CannotLearn(
            f"Dataset {dataset.day} has no labelled rows, which {CRASH_CLASSIFIER} learns from. Set label_days in "
            f"datasets.yaml (180, say), then freeze the dataset of a later day: {dataset.day} stays as it is."
        )
    _require_apart(dataset, labels)
    if (episodes := labels["episodes"]) < FEWEST_EPISODES:
        first, end = (as_hour(labels[name]) for name in ("first_hour", "end"))
        raise CannotLearn(
            f"Dataset {dataset.day} has {episodes} crash episodes in {(end - first).days} days ({labels['crashes']} "
            f"rows of {labels['rows']}); {CRASH_CLASSIFIER} needs {FEWEST_EPISODES}. Raise label_days in "
            f"datasets.yaml, take in more history or more instruments, or raise crash_pct in outcomes.yaml "
            f"({labels['outcomes']['crash_pct']:g}) if smaller falls matter too."
        )
    return dataset.labelled[dataset.labelled[LABEL] != UNRESOLVED].reset_index(drop=True)


def _require_apart(dataset: Dataset, labels: dict[str, Any]) -> None:
    """Refuse labels that read a price of the embargo or the holdout, whatever made the file."""
    horizon, end = labels["outcomes"]["horizon_hours"], as_hour(labels["end"])
    if labels["embargo_hours"] < horizon:
        raise CannotLearn(
            f"The labels of dataset {dataset.day} end {labels['embargo_hours']} h before its holdout; an embargo of "
            f"at least the {horizon} h of a label must lie between. Freeze the dataset of a later day."
        )
    assert dataset.labelled is not None  # noqa: S101  # asked before
    newest = dataset.labelled["hour"].max()
    if not newest + horizon * HOUR < end <= dataset.window.end:
        raise CannotLearn(
            f"The labels of dataset {dataset.day} read prices up to {newest + horizon * HOUR:%Y-%m-%d %H:%M}, but its "
            f"labelled window ends {end:%Y-%m-%d %H:%M}: they were not purged. Freeze the dataset of a later day."
        )


def require_labels(dataset: Dataset, settings: OutcomeSettings) -> None:
    """Refuse a dataset without usable labels, or whose labels have another meaning than outcomes have now.

    Args:
        dataset: To train on.
        settings: Those by which the version's predictions will be judged.

    Raises:
        CannotLearn: It is such a one.
    """
    labelled_rows(dataset)
    then, now = dataset.lineage[LABELS]["outcomes"], meaning_of(settings)
    if differing := [f"{name} {then[name]} then, {now[name]} now" for name in now if then[name] != now[name]]:
        raise CannotLearn(
            f"Dataset {dataset.day} was labelled under other settings than outcomes.yaml has: {'; '.join(differing)}. "
            f"Freeze the dataset of a later day, or give outcomes.yaml back its values."
        )


def labels_of(rows: pd.DataFrame, dataset: Dataset) -> Labels:
    """The labels of rows that come from `labelled_rows` of the dataset, in whatever order and number."""
    labels = dataset.lineage[LABELS]
    return Labels(
        (rows[LABEL] == CRASH).to_numpy(dtype=bool),
        hours_since_epoch(rows["hour"]),
        labels["outcomes"]["horizon_hours"] + labels["embargo_hours"],
    )
