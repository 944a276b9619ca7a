"""Measures what chance in training does: how far the average precision moves with the training seed alone.

The version's settings are fitted again to its own training dataset with other seeds, nothing else changed. What other
rows of the training window would change is in `stability`. The frozen artifact stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores
from mlreg_dagster.models.evaluation.rounds import PlantedRound, average_precision_by_kind, mean_over_kinds
from mlreg_dagster.models.evaluation.statistics import Chance
from mlreg_dagster.models.manifests import settings_in
from mlreg_dagster.models.optimisation.making import refitted_alike
from mlreg_dagster.models.training import fit_to, require_dataset, rows_to_fit
from mlreg_dagster.storage.artifacts import ArtifactStore


@dataclass(frozen=True)
class TrainingChance:
    """What refits under other training seeds showed.

    Attributes:
        chance: None where it was not measured.
        average_precision: Of the frozen model, then of each refit.
        remark: Why it was not measured; empty if it was, or was not asked for.
    """

    chance: Chance | None = None
    average_precision: tuple[float, ...] = ()
    remark: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """As plain values, for the metrics of an evaluation."""
        return {
            "average_precision": list(self.average_precision),
            "standard_deviation": None if self.chance is None else self.chance.standard_deviation,
            "remark": self.remark,
        }


def measure(model: Model, training: Dataset, rounds: Sequence[PlantedRound], refits: int) -> TrainingChance:
    """Refit with the seeds that follow the model's own, and judge each refit by the same planted anomalies.

    Args:
        model: The frozen artifact; its manifest says what is refitted.
        training: The dataset that it was trained on.
        rounds: Planted anomalies.
        refits: How many; 0: nothing is measured.

    Raises:
        CannotTrain: The dataset is not the one that the manifest names.
    """
    if not refits or not rounds:
        return TrainingChance()
    require_dataset(model.manifest, training)
    chosen = settings_in(model.manifest)
    found = [mean_over_kinds(average_precision_by_kind(model, model.score, rounds))]
    for seed in range(chosen.seed + 1, chosen.seed + 1 + refits):
        settings = chosen.model_copy(update={"seed": seed})
        rows = rows_to_fit(training, settings)
        pipeline = fit_to(make_pipeline(settings), rows, model.features, training)
        pipeline = refitted_alike(pipeline, model.manifest, rows[model.features].to_numpy(dtype=np.float64))
        found.append(refit_precision(model, pipeline, rounds))
    return TrainingChance(Chance(float(np.std(found, ddof=1)), refits), tuple(found))


def measure_frozen(model: Model, store: ArtifactStore, rounds: Sequence[PlantedRound], refits: int) -> TrainingChance:
    """Measure on the frozen dataset that the manifest names; where it can't be had or fitted, the remark says why."""
    try:
        training = freezing.load(store, freezing.TRAINING, model.manifest["dataset_day"])
        return measure(model, training, rounds, refits)
    except (MlregError, ValueError, TypeError) as error:  # the rest of the evaluation stands
        return TrainingChance(remark=f"What chance in training does was not measured: {error}")


def refit_precision(model: Model, pipeline: Pipeline, rounds: Sequence[PlantedRound]) -> float:
    """Average precision of a refit of the model at finding planted anomalies; kinds count alike."""
    return mean_over_kinds(
        average_precision_by_kind(
            model, lambda features: anomaly_scores(pipeline, features.to_numpy(dtype=np.float64)), rounds
        )
    )
