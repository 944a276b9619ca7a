"""Measures how far an evaluation depends on the rows that a version was trained on.

The version's settings are fitted again to other rows of its training window: rows drawn with replacement (Efron 1979),
and the window without one block of its hours after the other (never without random rows: neighbouring hours tell of
each other). Each refit is judged on the version's own holdout by the same planted anomalies. The frozen artifact stays
as it is: the refits are extra models, judged and thrown away.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from mlreg_dagster.config.sections.evaluation import StabilitySettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.evaluation.rounds import PlantedRound
from mlreg_dagster.models.evaluation.training_chance import refit_precision
from mlreg_dagster.models.manifests import settings_in
from mlreg_dagster.models.optimisation.making import refitted_alike
from mlreg_dagster.models.training import CannotTrain, fit_to, require_dataset, require_enough, rows_to_fit
from mlreg_dagster.storage.artifacts import ArtifactStore

STABLE, UNSTABLE, NOT_MEASURED = "stable", "unstable", "not measured"
BOOTSTRAP, FOLDS = "bootstrap refits", "time-block folds"

_SEED = 1979


def measure(model: Model, training: Dataset, rounds: list[PlantedRound], settings: StabilitySettings) -> dict[str, Any]:
    """Refit and judge, several times.

    Args:
        model: The frozen artifact; its manifest says what is refitted.
        training: The dataset that it was trained on.
        rounds: Anomalies planted into its holdout.
        settings: How often, and what is stable.

    Returns:
        verdict: stable, unstable, or not measured, where something can't be fitted or there is nothing to find.
        detail: Why, in one sentence.
        standard_deviation: The larger one of both kinds of refits; None when not measured.
        values: Average precision of each refit, by kind of refit.

    Raises:
        CannotTrain: The dataset is not the one that the manifest names.
    """
    require_dataset(model.manifest, training)
    if not rounds:
        return _not_measured("No anomaly could be planted into the holdout.")
    chosen = settings_in(model.manifest)
    rows = rows_to_fit(training, chosen)
    values: dict[str, list[float]] = {}
    for kind, name, part in _parts(rows, settings):
        pipeline, features = make_pipeline(chosen), part[model.features].to_numpy(dtype=np.float64)
        try:
            require_enough(features, pipeline, training)
            fit_to(pipeline, part, model.features, training)
        except (ValueError, CannotTrain) as error:
            return _not_measured(f"{chosen.detector} can't be fitted to the {len(part)} rows of {name}: {error}")
        pipeline = refitted_alike(pipeline, model.manifest, features)
        values.setdefault(kind, []).append(refit_precision(model, pipeline, rounds))
    deviations = {kind: float(np.std(found, ddof=1)) for kind, found in values.items()}
    largest = max(deviations.values())
    stable = largest < settings.max_standard_deviation
    shown = ", ".join(f"{deviations[kind]:.3f} over {len(found)} {kind}" for kind, found in values.items())
    return {
        "verdict": STABLE if stable else UNSTABLE,
        "detail": (
            f"The standard deviation of the average precision is {shown}; it must be below "
            f"{settings.max_standard_deviation:g}."
        ),
        "standard_deviation": largest,
        "values": values,
    }


def measure_frozen(
    model: Model, store: ArtifactStore, rounds: list[PlantedRound], settings: StabilitySettings
) -> dict[str, Any]:
    """Measure on the frozen dataset that the manifest names; not measured where it can't be had."""
    try:
        training = freezing.load(store, freezing.TRAINING, model.manifest["dataset_day"])
        return measure(model, training, rounds, settings)
    except MlregError as error:  # the rest of the evaluation stands; policy holds a version that was not measured
        return _not_measured(str(error))


def _parts(rows: pd.DataFrame, settings: StabilitySettings) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Kind, name and rows of each refit."""
    rng = np.random.default_rng(_SEED)
    for number in range(settings.refits):
        drawn = np.sort(rng.integers(len(rows), size=len(rows)))
        yield BOOTSTRAP, f"bootstrap refit {number + 1}", rows.iloc[drawn]
    hours = rows["hour"].drop_duplicates().sort_values(ignore_index=True)
    for block in np.array_split(np.arange(len(hours)), min(settings.folds, len(hours))):
        left_out = hours[block]
        name = f"the window without {left_out.iloc[0]:%m-%d %H:%M} to {left_out.iloc[-1]:%m-%d %H:%M}"
        yield FOLDS, name, rows[~rows["hour"].isin(left_out)]


def _not_measured(reason: str) -> dict[str, Any]:
    return {"verdict": NOT_MEASURED, "detail": reason, "standard_deviation": None, "values": {}}
