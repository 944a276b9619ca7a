"""Asset checks of the datasets room."""

import dagster as dg

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.low_quality import LEFT_OUT, left_out_in_words
from mlreg_dagster.datasets.weekdays import new_weekdays, weekdays_of
from mlreg_dagster.orchestration.resources import ArtifactsResource
from mlreg_dagster.storage.artifacts import ArtifactMissing, ArtifactStore


def build_dataset_checks() -> list[dg.AssetChecksDefinition]:
    """Frozen files are intact, apart, of known weekdays, and say what was left out of them."""
    return [
        _dataset_is_sound(freezing.TRAINING, freezing.HOLDOUT),
        _dataset_is_sound(freezing.HOLDOUT, freezing.TRAINING),
        _weekdays_are_known(),
        _quality_is_good(freezing.TRAINING),
        _quality_is_good(freezing.HOLDOUT),
    ]


def _dataset_is_sound(kind: str, counterpart: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=kind,
        name="intact_and_apart",
        description=f"The file has the hash it was frozen with, and shares no hour with its {counterpart}. Looks at "
        f"the day of its run, or, run by itself, at the newest.",
    )
    def intact_and_apart(
        context: dg.AssetCheckExecutionContext, mlreg_artifacts: ArtifactsResource
    ) -> dg.AssetCheckResult:
        store = mlreg_artifacts.open()
        day = _day_to_check(context, store, kind)
        if day is None:
            return dg.AssetCheckResult(passed=False, description=f"No {kind} is frozen yet.")
        try:
            passed, text = _look_at(store, kind, counterpart, day)
        except MlregError as error:  # the failure is the finding
            passed, text = False, str(error)
        return dg.AssetCheckResult(passed=passed, description=text, metadata={"day": day})

    return intact_and_apart


def _weekdays_are_known() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=freezing.HOLDOUT,
        name="weekdays_are_known",
        additional_deps=[freezing.TRAINING],
        description="Training has rows of each weekday of the holdout; a weekday that is new looks like an anomaly. "
        "Looks at the day of its run, or, run by itself, at the newest.",
    )
    def weekdays_are_known(
        context: dg.AssetCheckExecutionContext, mlreg_artifacts: ArtifactsResource
    ) -> dg.AssetCheckResult:
        store = mlreg_artifacts.open()
        day = _day_to_check(context, store, freezing.HOLDOUT)
        try:
            passed, text = _look_at_weekdays(store, day)
        except MlregError as error:  # the failure is the finding
            passed, text = False, str(error)
        return dg.AssetCheckResult(
            passed=passed, severity=dg.AssetCheckSeverity.WARN, description=text, metadata={"day": str(day)}
        )

    return weekdays_are_known


def _quality_is_good(kind: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=kind,
        name="quality_is_good",
        description="No day and no instrument was left out for low quality; see low_quality in datasets.yaml. Looks at "
        "the day of its run, or, run by itself, at the newest.",
    )
    def quality_is_good(
        context: dg.AssetCheckExecutionContext, mlreg_artifacts: ArtifactsResource
    ) -> dg.AssetCheckResult:
        store = mlreg_artifacts.open()
        day = _day_to_check(context, store, kind)
        try:
            if day is None:
                raise ArtifactMissing(f"No {kind} is frozen yet.")
            left_out = freezing.load(store, kind, day).lineage.get(LEFT_OUT)
            passed, text = not left_out, left_out_in_words(left_out)
        except MlregError as error:  # the failure is the finding
            passed, text, left_out = False, str(error), None
        return dg.AssetCheckResult(
            passed=passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=text,
            metadata={"day": str(day), "left_out": dg.MetadataValue.json(left_out or {})},
        )

    return quality_is_good


def _look_at_weekdays(store: ArtifactStore, day: str | None) -> tuple[bool, str]:
    for kind in (freezing.TRAINING, freezing.HOLDOUT):
        if day is None or store.find(kind, day) is None:
            return False, f"No {kind} is frozen{'' if day is None else f' of {day}'} yet."
    training, holdout = (freezing.load(store, kind, str(day)) for kind in (freezing.TRAINING, freezing.HOLDOUT))
    if new := new_weekdays(training.rows, holdout.rows):
        return False, (
            f"Training ({training.window}) has no row of {', '.join(new)}, which the holdout has ({holdout.window}): "
            f"flags may be of the weekday alone. Let history_hours in datasets.yaml leave 168 h for training, and "
            f"ingest all of them."
        )
    return True, f"Training has rows of {', '.join(weekdays_of(training.rows))}; the holdout has no other weekday."


def _day_to_check(context: dg.AssetCheckExecutionContext, store: ArtifactStore, kind: str) -> str | None:
    return context.run.tags.get("dagster/partition") or next(reversed(store.keys(kind)), None)


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
