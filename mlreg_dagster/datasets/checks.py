"""Asset checks of the datasets room."""

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.windows import windows_of
from mlreg_dagster.hours import as_hour
from mlreg_dagster.orchestration.resources import ArtifactsResource


def build_dataset_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """Frozen files are intact, and training and holdout of a day don't overlap."""
    return [_dataset_is_sound(settings, freezing.TRAINING), _dataset_is_sound(settings, freezing.HOLDOUT)]


def _dataset_is_sound(settings: Settings, kind: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=kind,
        name="intact_and_apart",
        description="The newest file has the hash it was frozen with, and lies in its own window.",
    )
    def intact_and_apart(artifacts: ArtifactsResource) -> dg.AssetCheckResult:
        store = artifacts.open()
        days = store.keys(kind)
        if not days:
            return dg.AssetCheckResult(passed=False, description=f"No {kind} is frozen yet.")
        dataset = freezing.load(store, kind, days[-1])
        windows = windows_of(as_hour(days[-1]), settings.datasets)
        window = windows.training if kind == freezing.TRAINING else windows.holdout
        inside = dataset.rows["hour"].between(window.first, window.end, inclusive="left").all()
        return dg.AssetCheckResult(
            passed=bool(inside),
            description=f"{len(dataset.rows)} rows {'lie' if inside else 'do not all lie'} within {window}.",
            metadata={"day": days[-1], "sha256": dataset.sha256},
        )

    return intact_and_apart
