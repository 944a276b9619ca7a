"""Asset checks of the datasets room."""

import dagster as dg

from mlreg_dagster.datasets import freezing
from mlreg_dagster.errors import MlregError
from mlreg_dagster.orchestration.resources import ArtifactsResource
from mlreg_dagster.storage.artifacts import ArtifactStore


def build_dataset_checks() -> list[dg.AssetChecksDefinition]:
    """Frozen files are intact, and training and holdout of a day don't overlap."""
    return [
        _dataset_is_sound(freezing.TRAINING, freezing.HOLDOUT),
        _dataset_is_sound(freezing.HOLDOUT, freezing.TRAINING),
    ]


def _dataset_is_sound(kind: str, counterpart: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=kind,
        name="intact_and_apart",
        description=f"The file has the hash it was frozen with, and shares no hour with its {counterpart}. Looks at "
        f"the day of its run, or, run by itself, at the newest.",
    )
    def intact_and_apart(context: dg.AssetCheckExecutionContext, artifacts: ArtifactsResource) -> dg.AssetCheckResult:
        store = artifacts.open()
        day = context.run.tags.get("dagster/partition") or next(reversed(store.keys(kind)), None)
        if day is None:
            return dg.AssetCheckResult(passed=False, description=f"No {kind} is frozen yet.")
        try:
            passed, text = _look_at(store, kind, counterpart, day)
        except MlregError as error:  # the failure is the finding
            passed, text = False, str(error)
        return dg.AssetCheckResult(passed=passed, description=text, metadata={"day": day})

    return intact_and_apart


def _look_at(store: ArtifactStore, kind: str, counterpart: str, day: str) -> tuple[bool, str]:
    dataset = freezing.load(store, kind, day)
    window = dataset.window
    if not dataset.rows["hour"].between(window.first, window.end, inclusive="left").all():
        return False, f"{kind} {day} has rows outside its window, {window}."
    if store.find(counterpart, day) is not None:
        other = freezing.load(store, counterpart, day).window
        if window.first < other.end and other.first < window.end:
            return False, f"{kind} {day} ({window}) overlaps {counterpart} ({other})."
    return True, f"{len(dataset.rows)} rows lie within {window}. SHA-256 {dataset.sha256}."
