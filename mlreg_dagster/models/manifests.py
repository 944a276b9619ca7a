"""What a manifest holds of a version's settings and training scores, written and read in one place.

Earlier manifests know no flag policy: they mean the frozen threshold.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlreg_dagster.config import FROZEN, FlaggingSettings, ModelSettings
from mlreg_dagster.models.flagging import Scores, StartUp, sketch
from mlreg_dagster.models.usual import Usual

WALK_FORWARD = "walk_forward"
"""In a manifest: how well a classifier ranked crashes that lay after what it had learned from; others have none."""

LEARNED = ("labels", WALK_FORWARD)
"""What the manifest of a classifier has, and that of no other detector. The labels are as in its dataset's lineage."""

TRAINING_SCORES = "training_scores"
"""In a manifest: quantiles of the scores of the training rows, of the model and of the baseline; rows an hour."""

USUAL = "usual"
"""In a manifest: median and spread of each feature in the training rows, and its family; earlier ones have none."""

CODE = "code"
"""In a manifest: the code that trained, as `core.revision.code_revision` says it; earlier ones have none."""

CAUSE = "cause"
"""In a manifest: why a version was trained, where it was not the schedule: `trigger`, `key`, `reason`."""

SWEEP = "sweep"
"""In a manifest: the sweep that a version is of: its name, number, of how many, and what differs from the base."""

STUDY = "study"
"""In a manifest: the study that a version came from: its name, and the number of the trial."""

VARIANT = "variant"
"""In a manifest: which version it is a smaller variant `of`, and by which `change`.

The settings are those that the other version was trained with: the change comes after them.
"""

ORIGINS = (STUDY, SWEEP, VARIANT)
"""In a manifest: where a version comes from, where it was not a training of its own; others have none of them."""

TOLD_APART_BY = {
    "settings": ("settings", VARIANT),
    "features": ("feature_settings", "feature_fingerprint"),
    "data": ("dataset_day", "dataset_sha256", "training_first_hour", "training_end", "training_rows"),
    "libraries": ("libraries", "plugin"),
    "code": (CODE,),
    "use case": ("use_case_sha256",),
    "result": ("threshold", "training_anomaly_rate"),
}
"""The values of a manifest that tell versions apart, by group."""


def cause_in(manifest: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Why a version was trained; None: on schedule, or by hand without a cause."""
    cause: Mapping[str, str] | None = manifest.get(CAUSE)
    return cause


def origin_in(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Where a version comes from: the entries of its manifest that say so, if any."""
    return {name: manifest[name] for name in ORIGINS if name in manifest}


def name_in(manifest: Mapping[str, Any], origin: str) -> str | None:
    """The name of the study or the sweep that a version is of; None: of none."""
    found = manifest.get(origin)
    return None if found is None else str(found["name"])


def recorded_settings(settings: ModelSettings) -> dict[str, Any]:
    """Settings as a manifest holds them; a frozen threshold is not named, as in earlier manifests."""
    values = settings.model_dump(mode="json")
    if settings.flagging.policy == FROZEN.policy:
        del values["flagging"]
    return values


def is_trained_by(manifest: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether a version is what training by recorded settings gives: a variant of such a one is not."""
    return VARIANT not in manifest and bool(manifest["settings"] == settings)


def settings_in(manifest: Mapping[str, Any]) -> ModelSettings:
    """The settings that a version was trained with."""
    return ModelSettings.model_validate({"flagging": FROZEN, **manifest["settings"]})


def flagging_in(manifest: Mapping[str, Any]) -> FlaggingSettings:
    """The flag policy of a version."""
    return FlaggingSettings.model_validate(manifest["settings"].get("flagging", FROZEN))


def remember_scores(scores: Scores, baseline_scores: Scores, rows_an_hour: float) -> dict[str, Any]:
    """What a manifest remembers of the training scores.

    Args:
        scores: Of the training rows, by the model.
        baseline_scores: Of the same rows, by the baseline.
        rows_an_hour: Rows of the dataset by hours of its window.
    """
    return {
        "quantiles": sketch(scores),
        "baseline_quantiles": sketch(baseline_scores),
        "rows_an_hour": rows_an_hour,
    }


def start_up_in(manifest: Mapping[str, Any], *, baseline: bool = False) -> StartUp | None:
    """What stands for the hours before a version's first one, or before its baseline's; None in earlier manifests."""
    remembered = manifest.get(TRAINING_SCORES)
    if remembered is None:
        return None
    quantiles = np.array(remembered["baseline_quantiles" if baseline else "quantiles"], dtype=np.float64)
    rows_an_hour = float(remembered["rows_an_hour"])
    if quantiles.ndim != 1 or len(quantiles) < 2 or not np.isfinite([*quantiles, rows_an_hour]).all():
        raise ValueError(f"{TRAINING_SCORES} are no quantiles")
    return StartUp(quantiles, rows_an_hour)


def remember_usual(usual: Usual, families: Sequence[str]) -> dict[str, Any]:
    """What a manifest remembers for reasons, so that they can be given without the pipelines.

    Args:
        usual: Of the training rows.
        families: Of each feature, in their order.
    """
    return {"medians": usual.medians.tolist(), "spreads": usual.spreads.tolist(), "families": list(families)}


def usual_in(manifest: Mapping[str, Any]) -> Usual | None:
    """The medians and spreads of a version's training rows; None in earlier manifests.

    Raises:
        ValueError: They are no numbers, or not one for each feature.
    """
    remembered = manifest.get(USUAL)
    if remembered is None:
        return None
    medians, spreads = (np.array(remembered[name], dtype=np.float64) for name in ("medians", "spreads"))
    count = (len(manifest["features"]),)
    if medians.shape != count or spreads.shape != count or not np.isfinite([medians, spreads]).all():
        raise ValueError(f"the medians and spreads of {USUAL} are not one number for each feature")
    if not (spreads > 0).all():
        raise ValueError(f"a spread of {USUAL} is not above 0")
    return Usual(medians, spreads)


def families_in(manifest: Mapping[str, Any]) -> list[str] | None:
    """The family of each feature; None in earlier manifests.

    Raises:
        ValueError: They are no texts, or not one for each feature.
    """
    remembered = manifest.get(USUAL)
    if remembered is None:
        return None
    families = remembered["families"]
    if len(families) != len(manifest["features"]) or not all(isinstance(name, str) for name in families):
        raise ValueError(f"the families of {USUAL} are not one name for each feature")
    return list(families)


def require_readable(manifest: Mapping[str, Any]) -> None:
    """Refuse a manifest whose features, threshold, flag policy, training scores or usual values can't be read.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, OverflowError: Something in it has another form.
    """
    names = [*manifest["features"], manifest["settings"]["detector"]]
    if not all(isinstance(name, str) for name in names) or not math.isfinite(float(manifest["threshold"])):
        raise ValueError("features, detector or threshold")
    flagging_in(manifest), start_up_in(manifest), usual_in(manifest), families_in(manifest)
