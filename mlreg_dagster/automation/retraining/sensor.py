"""The sensor that requests trainings: of new datasets on schedule, and for a cause, which has one training."""

from collections.abc import Iterable
from pathlib import Path

import dagster as dg
import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.automation import common
from mlreg_dagster.automation.retraining.causes import (
    CausedTraining,
    budget_left,
    model_for,
    training_for_volume,
    trainings_for_drift,
)
from mlreg_dagster.automation.retraining.on_schedule import Training, due_trainings
from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.datasets.freezing import TRAINING, load, newest_pair
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.models.training_request import CAUSE_TAG, TRIGGER_TAG
from mlreg_dagster.operations.branches.numbers import taken_elsewhere
from mlreg_dagster.orchestration.instance.repeated_requests import RUN_KEY, base_of, next_turn
from mlreg_dagster.orchestration.instance.runs import failed_just_now, under_way
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, WarehouseResource
from mlreg_dagster.registry import ModelVersion, Registry, version_number
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.guarded_file import WarehouseBusy
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_TRAINING = (jobs.RETRAIN, jobs.TRAIN, jobs.EVALUATE)


def build_retrain_sensor(settings: Settings, by_name: common.Jobs, home: Path) -> dg.SensorDefinition:
    """A training, and its evaluation, for each new dataset that retraining.yaml asks for."""

    @dg.sensor(
        jobs=[by_name[jobs.RETRAIN], by_name[jobs.EVALUATE]],
        minimum_interval_seconds=common.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Trains and evaluates a new version when a dataset is frozen and retraining.yaml says so, and once "
        "for each cause: a drift that asks for it, a champion that is worse, much new data.",
    )
    def retrain_sensor(
        context: dg.SensorEvaluationContext,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
        mlreg_warehouse: WarehouseResource,
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
        caused, delayed = _caused(
            context.instance, settings, records, store, mlreg_warehouse, newest, mlreg_clock.now()
        )
        if caused is not None and newest is not None:  # one training at a time; the schedule follows
            name = next_version(records, store, _taken(context.instance, home))
            return dg.SensorResult(
                run_requests=[*evaluations, _caused_request(*caused, newest[0], name)],
                dynamic_partitions_requests=[MODEL_VERSIONS.build_add_request([name])],
            )
        waiting_for += delayed
        if not ready and not evaluations:
            waiting_for += [f"{training.model} on {training.day}: {turn.reason}" for training, turn in turns]
            policy = settings.retraining
            nothing = (
                f"Nothing is due: the newest complete dataset is {newest[0] if newest else 'none'}; retraining.yaml "
                f"trains {', '.join(policy.models)} every {policy.every_days} days."
            )
            return dg.SkipReason(" ".join(waiting_for) or nothing)
        first = version_number(next_version(records, store, _taken(context.instance, home)))
        names = [f"v{first + position}" for position in range(len(ready))]
        trainings = [_training_request(*each, name) for each, name in zip(ready, names, strict=True)]
        return dg.SensorResult(
            run_requests=[*evaluations, *trainings],
            dynamic_partitions_requests=[MODEL_VERSIONS.build_add_request(names)] if names else [],
        )

    return retrain_sensor


def _taken(instance: dg.DagsterInstance, home: Path) -> list[str]:
    """The versions that have a partition, and those of the home's branches."""
    return [*instance.get_dynamic_partitions(str(MODEL_VERSIONS.name)), *taken_elsewhere(home)]


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


def _caused(
    instance: dg.DagsterInstance,
    settings: Settings,
    records: Registry,
    store: ArtifactStore,
    warehouse: WarehouseResource,
    newest: tuple[str, str] | None,
    now: pd.Timestamp,
) -> tuple[tuple[CausedTraining, str] | None, list[str]]:
    """The training for a cause that is to begin now, with its run key; and why others wait."""
    versions, champion, limits = records.versions(), records.holder(CHAMPION), settings.drift.response
    delayed: list[str] = []
    if newest is None:
        return None, delayed
    holder = records.version(champion.version) if champion is not None else None
    model = model_for(holder, settings.models, settings.retraining)
    due = trainings_for_drift(records.drift_decisions(), versions, model, now, limits)
    volume = settings.retraining.volume
    if volume.rows is not None or volume.instruments_share is not None:
        try:
            counted = _new_data(warehouse.open(), holder)
        except WarehouseBusy as busy:
            counted = 0, 0.0
            delayed.append(str(busy))
        found = training_for_volume(holder, versions, *counted, model, newest[0], settings.retraining, limits)
        due += [found] if found is not None else []
    for each in due:
        turn = next_turn(instance, each.run_key, settings.automation)
        reason = each.waits_for(newest[0], _hours_of(store, newest)) or turn.reason
        if not reason and not budget_left(versions, now, limits):
            reason = f"the {limits.trainings} trainings of {limits.budget_days} days (drift.yaml) have been started"
        if turn.run_key is not None and not reason:
            return (each, turn.run_key), delayed
        delayed.append(f"The training for {each.key}: {reason}.")
    return None, delayed


def _hours_of(store: ArtifactStore, dataset: tuple[str, str]) -> Iterable[str]:
    """The hours that the rows of a training dataset are of."""
    hours: Iterable[str] = load(store, TRAINING, *dataset).lineage["hours"]
    return hours


def _new_data(tables: Warehouse, champion: ModelVersion | None) -> tuple[int, float]:
    """Rows of features since the training of a version, and the share of the last day's instruments it did not know."""
    if champion is None:
        return 0, 0.0
    found = tables.query(
        "WITH since AS (SELECT * FROM market_features WHERE hour >= $end), "
        "last AS (SELECT DISTINCT instrument_id FROM since "
        "WHERE hour > (SELECT max(hour) FROM since) - INTERVAL 1 DAY), "
        "known AS (SELECT DISTINCT instrument_id FROM market_features WHERE hour >= $first AND hour < $end) "
        "SELECT (SELECT count(*) FROM since) AS n, (SELECT count(*) FROM last) AS instruments, "
        "(SELECT count(*) FROM last WHERE instrument_id NOT IN (SELECT instrument_id FROM known)) AS unknown",
        {
            "first": pd.Timestamp(champion.manifest["training_first_hour"]),
            "end": pd.Timestamp(champion.manifest["training_end"]),
        },
    ).iloc[0]
    return int(found["n"]), float(found["unknown"] / found["instruments"]) if found["instruments"] else 0.0


def _caused_request(training: CausedTraining, run_key: str, day: str, version: str) -> dg.RunRequest:
    why = {"trigger": training.trigger, "cause": training.key, "reason": training.reason}
    train = {"model": training.model, "dataset": day, "actor": common.ACTOR, **why}
    ops = {"candidate_model": {"config": train}, "evaluated_model": {"config": {"actor": common.ACTOR}}}
    tags = {CAUSE_TAG: training.key, TRIGGER_TAG: training.trigger}
    return dg.RunRequest(run_key, job_name=jobs.RETRAIN, partition_key=version, run_config={"ops": ops}, tags=tags)
