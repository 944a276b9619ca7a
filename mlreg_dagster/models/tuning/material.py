"""What trials are fitted to and judged by: read from the tables, of days that are not of low quality."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from mlreg_dagster.config import ModelSettings, Settings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets import labels
from mlreg_dagster.datasets.choosing import KNOWN_WITHIN, choose_labelled
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.datasets.low_quality import without_left_out
from mlreg_dagster.market.crashes import FALL_HOURS
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.detectors.names import CRASH_CLASSIFIER
from mlreg_dagster.models.folds.material import Fold, Ground, NothingToJudgeBy
from mlreg_dagster.models.folds.splits import Split
from mlreg_dagster.models.tuning.folds import Plan
from mlreg_dagster.storage.warehouse.warehouse import Warehouse


def gather(
    tables: Warehouse,
    settings: Settings,
    chosen: ModelSettings,
    plan: Plan,
    seeds: tuple[Sequence[int], Sequence[int]],
) -> tuple[list[Fold], Fold]:
    """Read and plant all folds, and the measured days.

    Args:
        tables: The warehouse.
        settings: Features, quality, outcomes, and what gates plant.
        chosen: The model file; a classifier's training rows have labels.
        plan: The hours.
        seeds: Planting seeds of the folds, and of the measured days.

    Raises:
        NothingToJudgeBy: A fold has no rows.
        OtherFeatureSettings: Rows were computed with other settings than features.yaml has.
    """
    whole, lookback = plan.whole, settings.max_lookback_hours
    features = tables.read(features_table(settings.features), whole.first - KNOWN_WITHIN, whole.end - HOUR)
    choice = choose_labelled(features, whole, settings)
    horizon = settings.outcomes.horizon_hours * HOUR
    market = tables.read(MARKET_SNAPSHOT, whole.first - lookback * HOUR, whole.end + horizon - HOUR)
    prices = market[market["hour"] >= whole.first - FALL_HOURS * HOUR][["hour", "instrument_id", "price"]]
    ground = Ground(choice.features, without_left_out(market, choice.left_out.as_facts()), prices, settings)

    def material(split: Split, planting_seeds: Sequence[int]) -> Fold:
        fold = ground.fold(split, _training(choice.features, prices, split, settings, chosen), planting_seeds)
        if fold is None:
            raise NothingToJudgeBy(
                f"No hour of {split.judged} has features of a day that is not of low quality, so nothing can be judged "
                f"there. {choice.left_out} Take another day."
            )
        return fold

    return [material(split, seeds[0]) for split in plan.folds], material(plan.measured, seeds[1])


def _training(
    features: pd.DataFrame, prices: pd.DataFrame, split: Split, settings: Settings, chosen: ModelSettings
) -> Dataset:
    window = split.train
    rows = labels.select_rows_to_label(features, window, settings.datasets, settings.features)
    if rows.empty:
        raise NothingToJudgeBy(f"No instrument was seen often enough in {window} to train on. Take a later day.")
    lineage: dict[str, Any] = {"feature_settings": settings.features.model_dump(mode="json")}
    day, labelled = f"of {window}", None
    if chosen.detector == CRASH_CLASSIFIER:
        known = prices[prices["hour"] < window.end]
        labelled = labels.label_rows(rows, known, window, settings.outcomes)
        lineage[labels.LABELS] = labels.describe_labels(labelled, features, window, split.judged, settings.outcomes)
    return Dataset(day, rows, None, window, lineage, "", labelled)
