"""Trains a model on a frozen dataset; the same manifest always gives the same scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.config.loading import versioned_folder
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.revision import code_revision
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.datasets.labels import LABEL, LABELS
from mlreg_dagster.market.features.provenance import FEATURE_SETTINGS
from mlreg_dagster.models.artifacts.artifact import Model, library_versions
from mlreg_dagster.models.artifacts.trust import plugin_record
from mlreg_dagster.models.classifier.labels import labelled_rows, labels_of
from mlreg_dagster.models.detectors.ensemble import detectors_in
from mlreg_dagster.models.detectors.local_density import distinct_rows
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.names import CRASH_CLASSIFIER
from mlreg_dagster.models.detectors.scoring import fit
from mlreg_dagster.models.families import families_named
from mlreg_dagster.models.manifests import (
    CAUSE,
    CODE,
    USUAL,
    VARIANT,
    WALK_FORWARD,
    cause_in,
    origin_in,
    recorded_settings,
    remember_usual,
    settings_in,
)
from mlreg_dagster.models.own_rows import said_of
from mlreg_dagster.models.usual import learned

IDENTICAL_ROWS = "identical_rows"
"""In a manifest: how many of the training rows are the same as an earlier one."""

NOT_FEATURES = ("hour", "instrument_id", FEATURE_SETTINGS)

_BASELINE = ModelSettings(detector="robust_z_score", params={})


class CannotTrain(MlregError):
    """A dataset and settings that don't go together."""


def train(
    version: str,
    dataset: Dataset,
    scores_from: pd.Timestamp,
    settings: ModelSettings,
    *,
    use_case_sha256: str | None = None,
    cause: Mapping[str, str] | None = None,
    origin: Mapping[str, Any] | None = None,
    apart: bool = True,
    explained: bool = True,
) -> Model:
    """Fit a detector, and the baseline beside it, on the rows of a training dataset alone.

    Args:
        version: Name of the version; written into the manifest.
        dataset: The frozen rows.
        scores_from: End of the dataset's last window, from which on the model may be judged.
        settings: Detector, parameters, contamination, seed, features.
        use_case_sha256: Of the use case that it is built under; written into the manifest.
        cause: Why it is trained, where it is not the schedule: trigger, key and reason; written into the manifest.
        origin: Where it comes from, by one of `ORIGINS`, where it is not a training of its own; written likewise.
        apart: Whether a local outlier factor counts identical rows once, and the manifest says how many there are.
        explained: Whether the manifest holds what is usual in the training rows, for reasons without the pipelines.

    Returns:
        The model; its manifest holds everything that `retrain` needs.

    Raises:
        CannotLearn: The labels are missing, too few, or not apart from the holdout.
        CannotTrain: The settings name features that the dataset does not have, a parameter has a value that the
            detector refuses, or the rows are too few or all alike.
        ConfigError: A parameter that the detector does not have.
    """
    features = chosen_features(dataset, settings)
    known = known_rows(dataset, settings)
    chosen = sampled(known, settings)
    rows = chosen[features].to_numpy(dtype=np.float64)
    usual = sampled(dataset.rows, settings)[features].to_numpy(dtype=np.float64)
    pipeline, baseline = make_pipeline(settings), make_pipeline(_BASELINE)
    require_enough(rows, pipeline, dataset)
    try:
        fit_to(pipeline, chosen, features, dataset, apart=apart)
    except (ValueError, TypeError) as error:
        raise CannotTrain(
            f"{settings.detector} can't be fitted to the {len(rows)} rows of dataset {dataset.day}: {error}"
        ) from error
    fit(baseline, usual)
    said, graph = said_of(pipeline, baseline, rows, usual, settings, features, version, dataset)
    manifest: dict[str, Any] = {
        "version": version,
        "settings": recorded_settings(settings),
        "features": features,
        "feature_settings": dataset.lineage["feature_settings"],
        "feature_fingerprint": dataset.lineage["feature_fingerprint"],
        **said,
        **({USUAL: _usual(baseline, features, dataset)} if explained else {}),
        "training_rows": len(rows),
        "sampled_from_rows": len(known),
        "training_first_hour": min(dataset.window.first, known["hour"].min()).isoformat(),
        "training_end": dataset.window.end.isoformat(),
        "scores_from": scores_from.isoformat(),
        "dataset_day": dataset.day,
        "dataset_sha256": dataset.sha256,
        "use_case_sha256": use_case_sha256,
        **({CAUSE: dict(cause)} if cause is not None else {}),
        **(origin or {}),
        **({IDENTICAL_ROWS: len(rows) - len(distinct_rows(rows)[0])} if apart else {}),
        **_learned(pipeline, dataset),
        "libraries": library_versions(),
        CODE: code_revision(versioned_folder()),
        **({"plugin": plugin} if (plugin := plugin_record(settings.detector)) else {}),
    }
    return Model(pipeline, baseline, manifest, graph)


def retrain(manifest: dict[str, Any], dataset: Dataset) -> Model:
    """Train a version again from what its manifest says; it gives the same scores.

    A variant is made again of the version that it is a variant of, which is trained first.

    Raises:
        CannotTrain: The dataset is not the one that the manifest names.
    """
    require_dataset(manifest, dataset)
    again = train(
        manifest["version"],
        dataset,
        pd.Timestamp(manifest["scores_from"]),
        settings_in(manifest),
        use_case_sha256=manifest.get("use_case_sha256"),  # versions of before there were use cases name none
        cause=cause_in(manifest),
        origin=None if VARIANT in manifest else origin_in(manifest),  # which comes after the training
        apart=IDENTICAL_ROWS in manifest,  # earlier versions count identical rows as often as they occur
        explained=USUAL in manifest,
    )
    if VARIANT not in manifest:
        return again
    from mlreg_dagster.models.optimisation.making import make_variant

    return make_variant(
        manifest["version"],
        again,
        manifest[VARIANT]["of"],
        manifest[VARIANT]["change"],
        dataset,
        use_case_sha256=manifest.get("use_case_sha256"),
        cause=cause_in(manifest),
    )


def require_dataset(manifest: Mapping[str, Any], dataset: Dataset) -> None:
    """Refuse a dataset that a version was not trained on.

    Raises:
        CannotTrain: It is another one than the manifest names.
    """
    if dataset.sha256 != manifest["dataset_sha256"]:
        raise CannotTrain(
            f"{manifest['version']} was trained on dataset {manifest['dataset_sha256']}, not on {dataset.sha256}."
        )


def rows_to_fit(dataset: Dataset, settings: ModelSettings) -> pd.DataFrame:
    """The rows of a dataset that a detector is fitted to: `known_rows`, sampled."""
    return sampled(known_rows(dataset, settings), settings)


def known_rows(dataset: Dataset, settings: ModelSettings) -> pd.DataFrame:
    """The rows that a detector may learn from: those with labels for the one that learns from these.

    Raises:
        CannotLearn: The labels are missing, too few, or not apart from the holdout.
    """
    return labelled_rows(dataset) if settings.detector == CRASH_CLASSIFIER else dataset.rows


def fit_to(
    pipeline: Pipeline, rows: pd.DataFrame, features: list[str], dataset: Dataset, *, apart: bool = True
) -> Pipeline:
    """Fit a pipeline to rows that `rows_to_fit` gave, or to some of them."""
    labels = labels_of(rows, dataset) if LABEL in rows.columns else None
    return fit(pipeline, rows[features].to_numpy(dtype=np.float64), apart=apart, labels=labels)


def sampled(rows: pd.DataFrame, settings: ModelSettings) -> pd.DataFrame:
    """All rows, or a seeded sample of `max_training_rows`."""
    if len(rows) <= settings.max_training_rows:
        return rows
    rng = np.random.default_rng(settings.seed)
    return rows.iloc[np.sort(rng.choice(len(rows), settings.max_training_rows, replace=False))]


def _learned(pipeline: Pipeline, dataset: Dataset) -> dict[str, Any]:
    """What a classifier learned from, and how well it ranked what came later; nothing of other detectors."""
    found = getattr(pipeline[-1], "walk_forward_", None)
    return {} if found is None else {LABELS: dataset.lineage[LABELS], WALK_FORWARD: found}


def _usual(baseline: Pipeline, features: list[str], dataset: Dataset) -> dict[str, Any]:
    """What is usual in the training rows."""
    return remember_usual(learned(baseline), families_named(features, dataset.lineage["feature_settings"]))


def require_enough(rows: NDArray[np.float64], pipeline: Pipeline, dataset: Dataset) -> None:
    """Refuse rows of a dataset that can't teach a pipeline anything.

    Before it is fitted: scikit-learn fits fewer rows than neighbours to fewer neighbours, with no more than a warning.

    Raises:
        CannotTrain: The rows are fewer than the neighbours that it asks for, or all alike.
    """
    if not rows.shape[1]:
        return  # the fit refuses it
    highest, lowest = np.fmax.reduce(rows, initial=-np.inf), np.fmin.reduce(rows, initial=np.inf)  # which skip nulls
    if not (highest > lowest).any():
        raise CannotTrain(
            f"No feature varies in the {len(rows)} rows of dataset {dataset.day}, so nothing in it is unusual. Take "
            f"another dataset, or other features."
        )
    wanted = [each.get_params(deep=False).get("n_neighbors", 0) for each in detectors_in(pipeline[-1])]
    if not all(isinstance(number, int) for number in wanted):
        return  # the fit refuses it
    neighbours = max(wanted)
    if (distinct := len(distinct_rows(rows)[0])) <= neighbours:
        differ = "" if distinct == len(rows) else f", of which {distinct} differ"
        raise CannotTrain(
            f"Dataset {dataset.day} has {len(rows)} rows{differ}; with n_neighbors {neighbours} at least "
            f"{neighbours + 1} are needed. Take a dataset with more rows, or lower n_neighbors in the model's params."
        )


def chosen_features(dataset: Dataset, settings: ModelSettings) -> list[str]:
    """The features of a dataset that the settings ask for, in their order.

    Raises:
        CannotTrain: The dataset does not have one of them.
    """
    engineered = [name for name in dataset.rows.columns if name not in NOT_FEATURES]
    if settings.features is None:
        return engineered
    unknown = [name for name in settings.features if name not in engineered]
    if unknown:
        raise CannotTrain(
            f"The model settings name features that dataset {dataset.day} does not have: {', '.join(unknown)}. It "
            f"has: {', '.join(engineered)}."
        )
    return list(settings.features)
