"""Purged folds inside the training days of a dataset, with anomalies planted and outcomes looked up in each.

Nothing of the holdout is seen: neither its rows nor its prices. The anomalies are planted with seeds that no evaluation
plants with.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import InjectionSettings, ModelSettings, Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, hours_since_epoch
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.datasets.labels import LABEL, label_rows
from mlreg_dagster.datasets.low_quality import LEFT_OUT, without_left_out
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.features.provenance import require_settings
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.models.classifier.folds import walk_forward
from mlreg_dagster.models.evaluation.rounds import PlantedRound, plant_anomalies
from mlreg_dagster.models.training import known_rows

FIRST_SEED = 7000
"""Where the planting seeds of selections begin; those of evaluations are passed over."""

_KEY = ["hour", "instrument_id"]


class CannotSelect(MlregError):
    """A dataset in which features can't be selected."""


@dataclass(frozen=True)
class Fold:
    """What is trained on, and what is judged by it later.

    Attributes:
        first: First hour that is judged.
        end: The hour after the last one.
        known: The rows that may be learned from: those before it by more than the horizon of a label.
        judged: Its feature rows.
        crashed: Whether a crash followed each of these; NaN where that was not known when the training days ended.
        rounds: Anomalies planted into it, by which groups are chosen.
        others: Anomalies planted with other seeds, by which the chosen ones are judged.
    """

    first: pd.Timestamp
    end: pd.Timestamp
    known: pd.DataFrame
    judged: pd.DataFrame
    crashed: NDArray[np.float64]
    rounds: list[PlantedRound]
    others: list[PlantedRound]


def market_window(dataset: Dataset, settings: Settings) -> Window:
    """The hours of snapshots that folds need: the training days, and what their features look back on."""
    return Window(dataset.window.first - settings.max_lookback_hours * HOUR, dataset.window.end)


def own_seeds(injection: InjectionSettings, count: int) -> tuple[int, ...]:
    """So many planting seeds that no evaluation uses."""
    taken = set(injection.all_seeds)
    return tuple(seed for seed in range(FIRST_SEED, FIRST_SEED + count + len(taken)) if seed not in taken)[:count]


def make_folds(
    dataset: Dataset, market: pd.DataFrame, model: ModelSettings, settings: Settings, folds: int, seeds: int
) -> Iterator[Fold]:
    """The folds of a training dataset, the earliest first.

    Args:
        dataset: The training dataset.
        market: Snapshots of `market_window`.
        model: What is trained; a classifier learns from labelled rows.
        settings: Features, anomalies, what a crash is.
        folds: How many.
        seeds: Planting seeds of each, to choose by; and as many others to judge by.

    Raises:
        CannotSelect: The dataset has too few hours, or no market is stored for them.
        OtherFeatureSettings: Its features were computed with other settings than features.yaml has.
    """
    remedy = "Select on a dataset that was frozen with features.yaml as it is, or give it back its values."
    require_settings(dataset.rows, settings.features.model_dump(mode="json"), "features.yaml", remedy)
    market = _of_the_dataset(market, dataset)
    known, rows = known_rows(dataset, model), dataset.rows
    gap = settings.outcomes.horizon_hours
    labelled = label_rows(rows, market, dataset.window, settings.outcomes)
    planting = settings.evaluation.injection.model_copy(
        update={"seeds": own_seeds(settings.evaluation.injection, 2 * seeds)}
    )
    hours = hours_since_epoch(rows["hour"])
    try:
        parts = list(walk_forward(hours, folds, gap))
    except ValueError as error:
        raise CannotSelect(
            f"Dataset {dataset.day}: {error}. Lower --folds, or take a dataset of more hours."
        ) from error
    for _, judged in parts:
        part = rows.iloc[judged].reset_index(drop=True)
        window = Window(part["hour"].min(), part["hour"].max() + HOUR)
        before = known[known["hour"] + gap * HOUR < window.first].reset_index(drop=True)
        if before.empty:
            raise CannotSelect(
                f"Dataset {dataset.day} has no rows more than {gap} h before {window.first:%Y-%m-%d %H:%M}, where a "
                f"fold begins. Lower --folds, or take a dataset of more hours."
            )
        behind = market[market["hour"] < window.end]
        holdout = Dataset(f"{window.first:%Y-%m-%dT%H:%M}", part, behind, window, dataset.lineage, dataset.sha256)
        planted = plant_anomalies(holdout, planting, settings.features, settings.max_lookback_hours)
        to_choose = [each for each in planted if each.seed in planting.all_seeds[:seeds]]
        others = [each for each in planted if each.seed not in planting.all_seeds[:seeds]]
        yield Fold(window.first, window.end, before, part, _crashed(part, labelled), to_choose, others)


def precision_at_budget(scores: NDArray[np.float64], crashed: NDArray[np.float64], budget: float) -> float | None:
    """The share of rows before a crash among as many of the highest scores as the budget allows.

    Args:
        scores: Of rows.
        crashed: Whether a crash followed each; NaN where that is not known, which is left out.
        budget: Share of the rows that may be flagged.

    Returns:
        None where no crash is known, or nothing else.
    """
    known = ~np.isnan(crashed)
    if not known.any() or len(np.unique(crashed[known])) < 2:
        return None
    flagged = np.argsort(-scores[known], kind="stable")[: ceil(budget * int(known.sum()))]
    return float(crashed[known][flagged].mean())


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


def _crashed(rows: pd.DataFrame, labelled: pd.DataFrame) -> NDArray[np.float64]:
    found = rows[_KEY].merge(labelled[[*_KEY, LABEL]], on=_KEY, how="left", validate="one_to_one")[LABEL]
    return np.where(found.isna() | (found == UNRESOLVED), np.nan, found == CRASH).astype(np.float64)
