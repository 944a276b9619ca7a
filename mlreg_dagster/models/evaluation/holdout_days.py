"""Which further holdout days an evaluation plants anomalies into, beside the version's own.

Only days after the training window, and none that ends later than the evaluation may know. Gates that look at the
holdout's own rows look at the version's own holdout alone.
"""

import pandas as pd

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.storage.artifacts import ArtifactStore


def further_days(
    model: Model, holdout: Dataset, store: ArtifactStore, features: FeatureSettings, until: pd.Timestamp, days: int
) -> list[Dataset]:
    """Frozen holdouts after the version's own, the earliest first, so that a later evaluation finds the same ones.

    Left out are those that overlap an earlier one or the training window, end after `until`, or were frozen with other
    feature settings.

    Args:
        model: What is evaluated.
        holdout: Its own.
        store: Holds them.
        features: In force.
        until: The end of what the evaluation may know.
        days: How many holdouts in all, its own included.
    """
    found, end = list[Dataset](), max(holdout.window.end, model.training_end)
    for day in sorted(store.keys(freezing.HOLDOUT)):
        if len(found) >= days - 1:
            break
        if pd.Timestamp(day, tz="UTC") < holdout.window.first:
            continue
        each = freezing.load(store, freezing.HOLDOUT, day)
        if each.window.first < end or each.window.end > until or each.market is None:
            continue
        if each.lineage["feature_settings"] != features.model_dump(mode="json"):
            continue
        found.append(each)
        end = each.window.end
    return found
