"""Rounds of planted anomalies as features: planted into holdouts, scored, and found again by average precision.

What is planted and how is in `injection`; intervals are in `planted`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import FeatureSettings, InjectionSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.market.features.provenance import require_settings
from mlreg_dagster.models.evaluation.injection import plant_rounds

_KEY = ["hour", "instrument_id"]


class Selects(Protocol):
    """A model, as far as rounds know it: it picks its features out of rows that hold more."""

    def select(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The model's features, in its order."""
        ...


class NotAHoldout(MlregError):
    """A holdout that overlaps the training window of the model that it should judge."""


@dataclass(frozen=True)
class PlantedRound:
    """The rows of one injection round that count, as features.

    Attributes:
        kind: Of the anomalies.
        rows: Feature rows: planted ones, and those that no event touched.
        planted: Which of them are planted.
        seed: With which they were planted.
        day: Of the holdout.
    """

    kind: str
    rows: pd.DataFrame
    planted: NDArray[np.bool_]
    seed: int = 0
    day: str = ""


def plant_anomalies(
    holdout: Dataset,
    settings: InjectionSettings,
    features: FeatureSettings,
    lookback_hours: int,
    further: Sequence[Dataset] = (),
) -> list[PlantedRound]:
    """Plant into the market behind holdouts, with every seed, and compute the features of the edited markets.

    Rows that an event touched without being its planted row are neither anomalies nor normal: left out.

    Args:
        holdout: The version's own.
        settings: Seeds, sizes and numbers.
        features: Those that the holdouts' rows were computed with.
        lookback_hours: How far features look back.
        further: Holdouts of other days.

    Raises:
        NotAHoldout: A dataset has no market behind it.
        OtherFeatureSettings: A holdout's rows were computed with other settings than the edited market's would be.
    """
    return [
        planted for each in (holdout, *further) for planted in _plant_into(each, settings, features, lookback_hours)
    ]


def _plant_into(
    holdout: Dataset, settings: InjectionSettings, features: FeatureSettings, lookback_hours: int
) -> list[PlantedRound]:
    if holdout.market is None:
        raise NotAHoldout(f"Dataset {holdout.day} has no market.parquet to plant anomalies into: is it a holdout?")
    remedy = "Evaluate on a holdout that was frozen with features.yaml as it is, or give it back its values."
    require_settings(holdout.rows, features.model_dump(mode="json"), "features.yaml", remedy)
    hours = holdout.window.hours
    unedited = compute_features(holdout.market, hours, features, lookback_hours)
    rounds = []
    for seed in settings.all_seeds:
        for injection in plant_rounds(holdout.market, holdout.window, settings, seed):
            snapshots = injection.snapshots.assign(planted=injection.planted, touched=injection.touched)
            snapshots = snapshots[_of_same_instrument(snapshots, injection.touched)]  # the others keep their features
            edited = compute_features(snapshots, hours, features, lookback_hours)
            marks = edited[_KEY].merge(snapshots[[*_KEY, "planted", "touched"]], on=_KEY, validate="one_to_one")
            counts = (marks["planted"] | ~marks["touched"]).to_numpy(dtype=bool)
            others = unedited[~unedited["instrument_id"].isin(edited["instrument_id"].unique())]
            rows = pd.concat([edited[counts], others], ignore_index=True)
            planted = np.append(marks["planted"].to_numpy(dtype=bool)[counts], np.zeros(len(others), dtype=bool))
            rounds.append(PlantedRound(injection.kind, rows, planted, seed, holdout.day))
    return rounds


def _of_same_instrument(rows: pd.DataFrame, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return rows["instrument_id"].isin(rows.loc[chosen, "instrument_id"].unique()).to_numpy(dtype=bool)


def average_precision_by_kind(
    model: Selects, score: Callable[[pd.DataFrame], NDArray[np.float64]], rounds: Sequence[PlantedRound]
) -> dict[str, float]:
    """Average precision at finding the planted rows by `score` of the model, a mean over the rounds of each kind."""
    return found_by_kind(rounds, score_rounds(model, score, rounds))


def score_rounds(
    model: Selects, score: Callable[[pd.DataFrame], NDArray[np.float64]], rounds: Sequence[PlantedRound]
) -> list[NDArray[np.float64]]:
    """The score of each row of each round, by the model's features."""
    return score_once(score, [model.select(planted.rows) for planted in rounds]) if rounds else []


def found_by_kind(rounds: Sequence[PlantedRound], scores: Sequence[NDArray[np.float64]]) -> dict[str, float]:
    """Average precision of the scores of each round's rows, a mean over the rounds of each kind."""
    from sklearn.metrics import average_precision_score

    found: dict[str, list[float]] = {}
    for planted, values in zip(rounds, scores, strict=True):
        value = average_precision_score(planted.planted, values)
        found.setdefault(planted.kind, []).append(float(value))
    return {kind: float(np.mean(values)) for kind, values in found.items()}


def mean_over_kinds(by_kind: Mapping[str, float]) -> float:
    """One figure of those by kind, of which there is one at least: every kind of anomaly counts alike."""
    return float(np.mean(list(by_kind.values())))


def score_once(
    score: Callable[[pd.DataFrame], NDArray[np.float64]], frames: list[pd.DataFrame]
) -> list[NDArray[np.float64]]:
    """Scores of each frame; the rounds share most of their rows, and each distinct row is scored once."""
    rows = pd.concat(frames, ignore_index=True)
    bits = np.ascontiguousarray(rows.to_numpy(dtype=np.float64)).view(np.uint64)
    odd = np.random.default_rng(0).integers(2**63, size=bits.shape[1], dtype=np.uint64) * 2 + 1
    _, firsts, places = np.unique(bits @ odd, return_index=True, return_inverse=True)  # a hash of each row
    if not np.array_equal(bits[firsts][places], bits):  # two rows of one hash
        return [score(frame) for frame in frames]
    scores = score(rows.take(firsts))[places]
    return np.split(scores, np.cumsum([len(frame) for frame in frames])[:-1])
