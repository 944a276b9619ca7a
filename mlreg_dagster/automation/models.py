"""Sensors that request trainings on new datasets, and promotions that need no person."""

import hashlib
import json

import dagster as dg
import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.automation import common
from mlreg_dagster.automation.retraining import Training, due_trainings
from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.datasets.freezing import newest_pair
from mlreg_dagster.governance.promotion.automatic import may_promote
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.models.names import CHAMPION, NOBODY
from mlreg_dagster.orchestration.instance.repeated_requests import RUN_KEY, base_of, next_turn
from mlreg_dagster.orchestration.instance.runs import failed_just_now, under_way
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, WarehouseResource
from mlreg_dagster.registry import AliasEvent, Evaluation, Registry, version_number
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_TRAINING = (jobs.RETRAIN, jobs.TRAIN, jobs.EVALUATE)


def build_retrain_sensor(settings: Settings, by_name: common.Jobs) -> dg.SensorDefinition:
    """A training, and its evaluation, for each new dataset that retraining.yaml asks for."""

    @dg.sensor(
        jobs=[by_name[jobs.RETRAIN], by_name[jobs.EVALUATE]],
        minimum_interval_seconds=common.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Trains and evaluates a new version when a dataset is frozen and retraining.yaml says so.",
    )
    def retrain_sensor(
        context: dg.SensorEvaluationContext,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
        mlreg_clock: Clock,
    ) -> dg.SensorResult | dg.SkipReason:
        from mlreg_dagster.models.registration import next_version

        if waiting := under_way(context.instance, _TRAINING) or failed_just_now(context.instance, _TRAINING):
            return dg.SkipReason(waiting)
        store, records = mlreg_artifacts.open(), mlreg_registry.open()
        newest = newest_pair(store, mlreg_clock.now())
        versions, champion = records.versions(), records.holder(CHAMPION)
        # a day after now is of a clock that was ahead
        versions = [each for each in versions if as_hour(each.dataset_day) <= mlreg_clock.now()]
        due = due_trainings(versions, newest, settings.models, settings.retraining, has_champion=champion is not None)
        turns = [(training, next_turn(context.instance, training.key, settings.automation)) for training in due]
        ready = [(training, turn.run_key) for training, turn in turns if turn.run_key]
        evaluations, waiting_for = _interrupted(context.instance, records, settings)
        if not ready and not evaluations:
            waiting_for += [f"{training.model} on {training.day}: {turn.reason}" for training, turn in turns]
            policy = settings.retraining
            nothing = (
                f"Nothing is due: the newest complete dataset is {newest[0] if newest else 'none'}; retraining.yaml "
                f"trains {', '.join(policy.models)} every {policy.every_days} days."
            )
            return dg.SkipReason(" ".join(waiting_for) or nothing)
        taken = list(context.instance.get_dynamic_partitions(str(MODEL_VERSIONS.name)))
        first = version_number(next_version(records, store, taken))
        names = [f"v{first + position}" for position in range(len(ready))]
        trainings = [_training_request(*each, name) for each, name in zip(ready, names, strict=True)]
        return dg.SensorResult(
            run_requests=[*evaluations, *trainings],
            dynamic_partitions_requests=[MODEL_VERSIONS.build_add_request(names)] if names else [],
        )

    return retrain_sensor


def _interrupted(
    instance: dg.DagsterInstance, records: Registry, settings: Settings
) -> tuple[list[dg.RunRequest], list[str]]:
    """Evaluations of versions whose run was cancelled after training; and why some of them have to wait."""
    requests, waiting = [], []
    for version in records.versions():
        if version.created_by != common.ACTOR or version.run_id is None or records.evaluations(version.version):
            continue
        run = instance.get_run_by_id(version.run_id)
        if run is None or run.status != dg.DagsterRunStatus.CANCELED or RUN_KEY not in run.tags:
            continue
        turn = next_turn(instance, base_of(run.tags[RUN_KEY]), settings.automation)
        if turn.run_key is None:
            waiting.append(f"Evaluation of {version.version}: {turn.reason}")
            continue
        ops = {"evaluated_model": {"config": {"actor": common.ACTOR}}}
        requests.append(
            dg.RunRequest(turn.run_key, job_name=jobs.EVALUATE, partition_key=version.version, run_config={"ops": ops})
        )
    return requests, waiting


def _training_request(training: Training, run_key: str, version: str) -> dg.RunRequest:
    train = {"model": training.model, "dataset": training.day, "actor": common.ACTOR}
    ops = {"candidate_model": {"config": train}, "evaluated_model": {"config": {"actor": common.ACTOR}}}
    return dg.RunRequest(run_key, job_name=jobs.RETRAIN, partition_key=version, run_config={"ops": ops})


def build_promote_sensor(settings: Settings, by_name: common.Jobs) -> dg.SensorDefinition:
    """The newest version that promotion.yaml lets become champion by itself."""

    @dg.sensor(
        job=by_name[jobs.PROMOTE],
        minimum_interval_seconds=common.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Promotes the newest version that promotion.yaml lets become champion by itself.",
    )
    def promote_sensor(
        context: dg.SensorEvaluationContext,
        mlreg_registry: RegistryResource,
        mlreg_warehouse: WarehouseResource,
        mlreg_clock: Clock,
    ) -> dg.SensorResult | dg.SkipReason:
        if waiting := under_way(context.instance, (jobs.RETRAIN, jobs.EVALUATE, jobs.PROMOTE)):
            return dg.SkipReason(waiting)
        records = mlreg_registry.open()
        champion = records.holder(CHAMPION)
        if (
            champion is not None and mlreg_clock.now() < champion.recorded_at
        ):  # the run would fail, and not be tried again
            return dg.SkipReason(f"The clock is behind the last promotion, which was recorded {champion.recorded_at}.")
        refusals = []
        for version in reversed(_newer_than_all_champions(records)):
            evaluation = records.latest_evaluation(version)
            if evaluation is None:
                refusals.append(f"{version} is not evaluated yet")
                continue
            request = _promotion_of(evaluation, champion, settings, records, mlreg_warehouse.open(), mlreg_clock.now())
            if isinstance(request, PromotionRequest):
                return _request_run(request, _key_of_promotion(evaluation, records), context.instance, settings)
            refusals.append(f"{version} {request}")
        return dg.SkipReason(f"{'; '.join(refusals) or 'No version is newer than the champions so far'}.")

    return promote_sensor


def _newer_than_all_champions(records: Registry) -> list[str]:
    """Versions newer than every champion so far, not just the current one: a rollback is not undone."""
    highest = max((version_number(move.version) for move in records.history(CHAMPION)), default=0)
    return [each.version for each in records.versions() if version_number(each.version) > highest]


def _promotion_of(
    evaluation: Evaluation,
    champion: AliasEvent | None,
    settings: Settings,
    records: Registry,
    tables: Warehouse,
    now: pd.Timestamp,
) -> PromotionRequest | str:
    """The promotion of an evaluated version that needs no person; or why there is none."""
    from mlreg_dagster.governance.policy.track_record import verdict_on

    allowed, reason = may_promote(evaluation, champion, settings.promotion)
    if not allowed:
        return reason
    expected = champion.version if champion else NOBODY
    request = PromotionRequest(evaluation.version, reason, common.ACTOR, expected=expected)
    verdict = verdict_on(request, settings, records, tables, now)
    return request if verdict.outcome == "promote" else "; ".join(verdict.reasons)


def _request_run(
    request: PromotionRequest, key: str, instance: dg.DagsterInstance, settings: Settings
) -> dg.SensorResult | dg.SkipReason:
    """A run that promotes, unless it was requested often enough."""
    turn = next_turn(instance, key, settings.automation)
    if turn.run_key is None:
        return dg.SkipReason(f"{request.version} may become champion, but: {turn.reason}")
    return dg.SensorResult([dg.RunRequest(turn.run_key, run_config=request.run_config, tags=request.tags)])


def _key_of_promotion(evaluation: Evaluation, records: Registry) -> str:
    """The same for the same evaluation after the same move; numbers of rows come again when a copy is put back."""
    moves = records.recorded_moves(CHAMPION)
    basis = [
        evaluation.artifact_sha256,
        evaluation.holdout_sha256,
        evaluation.recorded_at.isoformat(),
        evaluation.run_id,
        [len(moves), moves[-1].recorded_at.isoformat()] if moves else [],
    ]
    return f"{evaluation.version}-{hashlib.sha256(json.dumps(basis).encode()).hexdigest()[:16]}"
