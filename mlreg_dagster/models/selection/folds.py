"""Folds inside the training days of a dataset.

Nothing of the holdout is seen: neither its rows nor its prices. The anomalies are planted with seeds that no gate
plants with: some to choose families by, others to judge the chosen ones by.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mlreg_dagster.config import ModelSettings, Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets import labels
from mlreg_dagster.datasets.freezing import Dataset, within
from mlreg_dagster.datasets.low_quality import LEFT_OUT, without_left_out
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.features.provenance import require_settings
from mlreg_dagster.models.folds.material import Fold, Ground
from mlreg_dagster.models.folds.splits import Split, last_days, split_before
from mlreg_dagster.models.training import known_rows


class CannotSelect(MlregError):
    """A dataset in which features can't be selected."""


@dataclass(frozen=True)
class Seeds:
    """Planting seeds that no gate uses.

    Attributes:
        choosing: By which families are chosen.
        judging: By which the chosen ones are held against all.
    """

    choosing: tuple[int, ...]
    judging: tuple[int, ...]


@dataclass(frozen=True)
class Folds:
    """The same hours with two sets of planted anomalies, the earliest fold first."""

    choosing: list[Fold]
    judging: list[Fold]


def market_window(dataset: Dataset, settings: Settings) -> Window:
    """The hours of snapshots that folds need: the training days, and what their features look back on."""
    return Window(dataset.window.first - settings.max_lookback_hours * HOUR, dataset.window.end)


def make_folds(
    dataset: Dataset, market: pd.DataFrame, model: ModelSettings, settings: Settings, days: int, seeds: Seeds
) -> Folds:
    """The newest training days whose labels are known when the training window ends, each by what was known before.

    A day into which nothing can be planted is left out.

    Args:
        dataset: The training dataset.
        market: Snapshots of `market_window`.
        model: What is trained; a classifier learns from labelled rows.
        settings: Features, anomalies, what a crash is.
        days: How many.
        seeds: Of the planting.

    Raises:
        CannotSelect: The dataset has too few hours, nothing can be planted, or no market is stored for its hours.
        OtherFeatureSettings: Its features were computed with other settings than features.yaml has.
    """
    remedy = "Select on a dataset that was frozen with features.yaml as it is, or give it back its values."
    require_settings(dataset.rows, settings.features.model_dump(mode="json"), "features.yaml", remedy)
    prices = market[market["hour"] < dataset.window.end][["hour", "instrument_id", "price"]]
    ground = Ground(dataset.rows, _of_the_dataset(market, dataset), prices, settings)
    found = Folds([], [])
    for split in _splits(dataset, model, settings, days):
        fold = ground.fold(split, _known_before(dataset, split, settings), (*seeds.choosing, *seeds.judging))
        if fold is None:  # low quality
            continue
        parts = [[each for each in fold.rounds if each.seed in part] for part in (seeds.choosing, seeds.judging)]
        if all(parts):
            found.choosing.append(replace(fold, rounds=parts[0]))
            found.judging.append(replace(fold, rounds=parts[1]))
    if not found.choosing:
        raise CannotSelect(f"No anomaly could be planted into the training days of dataset {dataset.day}.")
    return found


def _splits(dataset: Dataset, model: ModelSettings, settings: Settings, days: int) -> Iterator[Split]:
    horizon = settings.outcomes.horizon_hours
    earliest = known_rows(dataset, model)["hour"].min()
    for judged in reversed(last_days(dataset.window.end - horizon * HOUR, days)):
        split = split_before(judged, earliest, horizon)
        if judged.first < dataset.window.first or not split.train.first < split.train.end:
            raise CannotSelect(
                f"Dataset {dataset.day} has no rows more than {horizon} h before {judged.first:%Y-%m-%d %H:%M}, where "
                f"a fold begins. Lower --folds, or take a dataset of more hours."
            )
        yield split


def _known_before(dataset: Dataset, split: Split, settings: Settings) -> Dataset:
    """What of a dataset was known when training for a split ended."""
    window, labelled = split.train, None
    lineage: dict[str, Any] = dict(dataset.lineage)
    if dataset.labelled is not None:
        labelled = within(labels.purge(dataset.labelled, window, settings.outcomes.horizon_hours), window)
        described = labels.describe_labels(labelled, labelled, window, split.judged, settings.outcomes)
        lineage[labels.LABELS] = {**described, "outcomes": dataset.lineage[labels.LABELS]["outcomes"]}
    rows = within(dataset.rows, window)
    return Dataset(f"{dataset.day} before {window.end:%Y-%m-%d %H:%M}", rows, None, window, lineage, "", labelled)


def _of_the_dataset(market: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """The snapshots of the instruments that the dataset has, up to its end."""
    market = market[(market["hour"] < dataset.window.end) & market["instrument_id"].isin(dataset.rows["instrument_id"])]
    market = without_left_out(market, dataset.lineage.get(LEFT_OUT)).reset_index(drop=True)
    missing = set(dataset.rows["hour"]) - set(market["hour"])
    if missing:
        raise CannotSelect(
            f"The market of {min(missing):%Y-%m-%d %H:%M} is not stored any more, so that anomalies can't be planted "
            f"into the training days of dataset {dataset.day}. Choose a later day, or ingest those hours again."
        )
    return market
