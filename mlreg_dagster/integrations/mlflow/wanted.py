"""What MLflow should hold, as the registry has it now."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.integrations.mlflow.content import (
    OWN,
    SUBJECT,
    VERSION,
    Dataset,
    History,
    Model,
    Point,
    Run,
    Version,
    Wanted,
)
from mlreg_dagster.integrations.mlflow.studies import Mirrored, study_runs, sweep_runs, sweep_subject
from mlreg_dagster.integrations.mlflow.values import (
    LONGEST_TAG,
    milliseconds,
    name_of,
    numbers_of,
    params_of,
    text_of,
)
from mlreg_dagster.models.artifacts.files import MODELS
from mlreg_dagster.registry import AliasEvent, Evaluation, ModelVersion, Registry, Suspension, version_number
from mlreg_dagster.registry.rules import counting_evaluation, status_by
from mlreg_dagster.registry.witness import Head, RegistryTampered
from mlreg_dagster.storage.artifacts import ArtifactStore

_OF_MANIFEST = (
    *("settings", "features", "feature_settings", "feature_fingerprint", "threshold", "training_anomaly_rate"),
    *("training_first_hour", "training_end", "training_rows", "libraries", "code", "variant"),
)
_DESCRIPTION = (
    "A mirror of a registry of mlreg, which alone decides. Whatever is changed here is put back by the next "
    "`mlreg mlflow sync`."
)


class NothingToMirror(MlregError):
    """The registry has no record yet."""


def wanted(registry: Registry, store: ArtifactStore, witnessed: Iterable[Head]) -> Wanted:
    """Verify the registry and every bundle, and say what MLflow should hold.

    Raises:
        RegistryTampered: The registry does not fit its audit log.
        ArtifactMissing, ArtifactTampered: A bundle is not there, or is not what was registered.
        NothingToMirror: There is nothing yet.
    """
    if broken := registry.find_tampering(witnessed):
        raise RegistryTampered(
            f"The registry was tampered with. {broken} Nothing is mirrored: compare it with a copy, and see "
            f"docs/runbook.md."
        )
    log = registry.audit_log()
    if not log:
        raise NothingToMirror("The registry is empty: there is nothing to mirror. mlreg demo or mlreg train fills it.")
    versions, evaluations = registry.versions(), registry.all_evaluations()
    for each in versions:
        store.read(MODELS, each.version, each.artifact_sha256)
    mirrored = [*study_runs(store), *sweep_runs(versions)]
    mirrored += [_run_of(each, _counting(evaluations.get(each.version, ()))) for each in versions]
    return Wanted(
        registry=log[0].hash,
        runs={each.subject: each.run for each in mirrored},
        histories={each.subject: each.history for each in mirrored},
        versions={
            version_number(each.version): _version_of(each, evaluations.get(each.version, ())) for each in versions
        },
        model=_model_of(registry.histories(), registry.suspensions()),
    )


def _counting(evaluations: Iterable[Evaluation]) -> list[Evaluation]:
    return [each for each in evaluations if not each.is_experiment]


def _run_of(version: ModelVersion, counting: list[Evaluation]) -> Mirrored:
    manifest, latest = version.manifest, counting[-1] if counting else None
    points: dict[str, list[Point]] = {}
    for evaluation in counting:
        for name, value in _measured(evaluation):
            points.setdefault(name, []).append(Point(value, evaluation.id, milliseconds(evaluation.recorded_at)))
    created = milliseconds(version.created_at)
    sweep = manifest.get("sweep")
    run = Run(
        name=version.version,
        status="FINISHED",
        end=created,
        params={
            SUBJECT: version.version,
            f"{OWN}artifact_sha256": version.artifact_sha256,
            f"{OWN}dataset_sha256": version.dataset_sha256,
            "dataset_day": version.dataset_day,
            **params_of({name: manifest[name] for name in _OF_MANIFEST if name in manifest}),
        },
        metrics={name: values[-1].value for name, values in points.items()},
        tags={
            f"{OWN}trained_by": version.created_by,
            **({f"{OWN}dagster_run_id": version.run_id} if version.run_id else {}),
            **_origin(manifest),
            **(_gates(latest) if latest else {}),
        },
        datasets=frozenset(
            [
                _dataset(f"training_dataset {version.dataset_day}", version.dataset_sha256, "training"),
                *(
                    _dataset(
                        f"eval_holdout {each.holdout_day or version.dataset_day}", each.holdout_sha256, "evaluation"
                    )
                    for each in counting
                ),
            ]
        ),
        parent=sweep_subject(sweep["name"]) if sweep else None,
    )
    return Mirrored(version.version, run, History(created, {name: tuple(values) for name, values in points.items()}))


def _measured(evaluation: Evaluation) -> Iterable[tuple[str, float]]:
    yield from numbers_of(evaluation.metrics)
    for gate in evaluation.gates:
        ends = gate.interval or {}
        measured = {"passed": int(gate.passed), "value": gate.value, "low": ends.get("low"), "high": ends.get("high")}
        yield from numbers_of({"gate": {gate.name: measured}})


def _gates(evaluation: Evaluation) -> dict[str, str]:
    tags = {
        f"{OWN}evaluation": str(evaluation.id),
        f"{OWN}holdout_sha256": evaluation.holdout_sha256,
        f"{OWN}evaluated_by": evaluation.actor,
    }
    if evaluation.run_id:
        tags[f"{OWN}evaluation_dagster_run_id"] = evaluation.run_id
    for gate in evaluation.gates:
        verdict = "passed" if gate.passed else "failed"
        words = f"{verdict}: found {gate.value}, asked {gate.threshold}. {gate.detail}"
        tags[f"{OWN}gate.{name_of(gate.name)}"] = text_of(words, LONGEST_TAG)
    return tags


def _origin(manifest: Mapping[str, Any]) -> dict[str, str]:
    """From which study, sweep or version a version comes, and why it was trained."""
    known = {name: manifest[name] for name in ("study", "sweep", "variant", "cause", "origin") if manifest.get(name)}
    return {f"{OWN}{name}": text_of(value, LONGEST_TAG) for name, value in known.items()}


def _dataset(name: str, sha256: str, context: str) -> Dataset:
    return Dataset(name, sha256[:36], f"sha256:{sha256}", context)


def _version_of(version: ModelVersion, evaluations: Iterable[Evaluation]) -> Version:
    status = status_by(counting_evaluation(list(evaluations)))
    return Version(
        subject=version.version,
        description=f"{version.version}: {version.detector}, trained on the dataset of {version.dataset_day}.",
        tags={
            VERSION: version.version,
            f"{OWN}status": status,
            f"{OWN}artifact_sha256": version.artifact_sha256,
            f"{OWN}detector": version.detector,
            **_origin(version.manifest),
        },
    )


def _model_of(histories: Mapping[str, list[AliasEvent]], suspensions: Iterable[Suspension]) -> Model:
    """The aliases, and as tags every move and every suspension, with its event id: MLflow itself forgets them."""
    tags = {
        f"{OWN}alias.{alias}.{move.sequence:06}": text_of(_moved(move), LONGEST_TAG)
        for alias, moves in histories.items()
        for move in moves
    }
    for each in suspensions:
        words = f"event {each.id}: {each.event} ({each.version}), {_by(each)}"
        tags[f"{OWN}suspension.{each.alias}.{each.sequence:06}"] = text_of(words, LONGEST_TAG)
    aliases = {alias: version_number(moves[-1].version) for alias, moves in histories.items() if moves}
    return Model(_DESCRIPTION, tags, aliases)


def _moved(move: AliasEvent) -> str:
    before = move.previous_version or "nobody"
    return f"event {move.id}: {before} → {move.version}, evaluation {move.evaluation_id}, {_by(move)}"


def _by(event: AliasEvent | Suspension) -> str:
    run = f", Dagster run {event.run_id}" if event.run_id else ""
    times = f"effective {event.effective_at.isoformat()}, recorded {event.recorded_at.isoformat()}"
    return f"{times}, by {event.actor}{run}: {event.reason}"
