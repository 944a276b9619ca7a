"""New versions from new datasets, and which of them becomes champion without a person."""

import dagster as dg

from mlreg_dagster import jobs
from mlreg_dagster.automation import pace
from mlreg_dagster.config import Settings
from mlreg_dagster.datasets.freezing import newest_pair
from mlreg_dagster.governance.request import PromotionRequest
from mlreg_dagster.models.names import CHAMPION, NOBODY
from mlreg_dagster.monitoring.retraining import Training, due_trainings, may_promote
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.runs import failed_just_now, under_way, was_requested
from mlreg_dagster.storage.registry import AliasEvent, Evaluation, version_number

_TRAINING = (jobs.RETRAIN, jobs.TRAIN)


def build_retrain_sensor(settings: Settings, by_name: pace.Jobs) -> dg.SensorDefinition:
    """A training, and its evaluation, for each new dataset that retraining.yaml asks for."""

    @dg.sensor(
        job=by_name[jobs.RETRAIN],
        minimum_interval_seconds=pace.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Trains and evaluates a new version when a dataset is frozen and retraining.yaml says so.",
    )
    def retrain_sensor(
        context: dg.SensorEvaluationContext, artifacts: ArtifactsResource, registry: RegistryResource
    ) -> dg.SensorResult | dg.SkipReason:
        from mlreg_dagster.models.registration import next_version

        if waiting := under_way(context.instance, _TRAINING) or failed_just_now(context.instance, _TRAINING):
            return dg.SkipReason(waiting)
        store, records = artifacts.open(), registry.open()
        newest = newest_pair(store)
        versions, champion = records.versions(), records.holder(CHAMPION)
        due = [
            training
            for training in due_trainings(
                versions, newest, settings.models, settings.retraining, has_champion=champion is not None
            )
            if not was_requested(context.instance, training.key)  # one that failed is not tried for ever
        ]
        if not due:
            return dg.SkipReason(f"Nothing is due; the newest complete dataset is {newest[0] if newest else 'none'}.")
        taken = list(context.instance.get_dynamic_partitions(str(MODEL_VERSIONS.name)))
        first = version_number(next_version(records, store, taken))
        names = [f"v{first + position}" for position in range(len(due))]
        return dg.SensorResult(
            run_requests=[_training_request(training, name) for training, name in zip(due, names, strict=True)],
            dynamic_partitions_requests=[MODEL_VERSIONS.build_add_request(names)],
        )

    return retrain_sensor


def _training_request(training: Training, version: str) -> dg.RunRequest:
    train = {"model": training.model, "dataset": training.day, "actor": pace.ACTOR}
    ops = {"candidate_model": {"config": train}, "evaluated_model": {"config": {"actor": pace.ACTOR}}}
    return dg.RunRequest(run_key=training.key, partition_key=version, run_config={"ops": ops})


def build_promote_sensor(settings: Settings, by_name: pace.Jobs) -> dg.SensorDefinition:
    """The newest version that promotion.yaml lets become champion by itself."""

    @dg.sensor(
        job=by_name[jobs.PROMOTE],
        minimum_interval_seconds=pace.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Promotes the newest version that promotion.yaml lets become champion by itself.",
    )
    def promote_sensor(
        context: dg.SensorEvaluationContext, registry: RegistryResource, warehouse: WarehouseResource, clock: Clock
    ) -> dg.SensorResult | dg.SkipReason:
        if waiting := under_way(context.instance, (jobs.RETRAIN, jobs.EVALUATE)):
            return dg.SkipReason(waiting)
        from mlreg_dagster.governance.evidence import verdict_on

        records = registry.open()
        champion = records.holder(CHAMPION)
        if champion is not None and clock.now() < champion.recorded_at:  # the run would fail, and not be tried again
            return dg.SkipReason(f"The clock is behind the last promotion, which was recorded {champion.recorded_at}.")
        # newer than all that were champion, not just the current one: a rollback is not undone
        highest = max((version_number(move.version) for move in records.history(CHAMPION)), default=0)
        newer = [each.version for each in records.versions() if version_number(each.version) > highest]
        refusals = []
        for version in reversed(newer):
            evaluation = records.latest_evaluation(version)
            if evaluation is None:
                refusals.append(f"{version} is not evaluated yet")
                continue
            allowed, reason = may_promote(evaluation, champion, settings.promotion)
            if allowed:
                verdict = verdict_on(version, CHAMPION, settings, records, warehouse.open(), pace.ACTOR, clock.now())
                allowed = verdict.outcome == "promote"
                reason = "; ".join(verdict.reasons) or reason
            if allowed:
                return dg.SensorResult([_promotion_request(evaluation, champion, reason)])
            refusals.append(f"{version} {reason}")
        return dg.SkipReason(f"{'; '.join(refusals) or 'No version is newer than the champions so far'}.")

    return promote_sensor


def _promotion_request(evaluation: Evaluation, champion: AliasEvent | None, reason: str) -> dg.RunRequest:
    expected = champion.version if champion else NOBODY
    asked = PromotionRequest(evaluation.version, reason, pace.ACTOR, expected=expected)
    return dg.RunRequest(run_key=f"evaluation-{evaluation.id}", run_config=asked.run_config, tags=asked.tags)
