"""Schedules and sensors, and nothing else: when the jobs run by themselves.

What is due is worked out in `monitoring/`; here it is turned into runs. All of them are on by default, but for the
schedule that deletes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.config import Settings
from mlreg_dagster.datasets.freezing import newest_pair
from mlreg_dagster.datasets.windows import windows_of
from mlreg_dagster.hours import HOUR, day_key, hour_key, hour_range
from mlreg_dagster.market.sources.base import MarketSource, last_ended_hour
from mlreg_dagster.models.names import CHAMPION, NOBODY
from mlreg_dagster.monitoring.backlog import (
    Order,
    basis_of_dataset,
    complete_days,
    find_backlog,
    order_of,
    outdated_days,
)
from mlreg_dagster.monitoring.notification import LogNotifier, NotDelivered, Notice, make_notifier
from mlreg_dagster.monitoring.retraining import Training, due_trainings, may_promote
from mlreg_dagster.orchestration.failures import reason_of
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS, partitions_in_tags, range_tags
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, WarehouseResource
from mlreg_dagster.orchestration.runs import failed_just_now, under_way, was_requested
from mlreg_dagster.storage.registry import AliasEvent, Evaluation, version_number

Jobs = Mapping[str, Any]
"""Job name to job."""

ACTOR = "automation"

EVERY_S = 60
"""How often each sensor looks, seconds."""

_CATCH_UP = (jobs.HOURLY, jobs.FOLLOW_UP, jobs.OUTCOMES)
_TRAINING = (jobs.RETRAIN, jobs.TRAIN)
_LEFT_TO_THE_SCHEDULE = pd.Timedelta(minutes=20)


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The hour that has just ended (days follow their hours, by sensor), and a weekly tidying."""
    return [_hourly(settings), _tidy()]


def build_sensors(settings: Settings, by_name: Jobs) -> list[dg.SensorDefinition]:
    """Catch-up, days, retraining, promotion, and notices of failures."""
    return [
        _catch_up(settings, by_name),
        _days(settings, by_name),
        _retrain(settings, by_name),
        _promote(settings, by_name),
        _notify_failures(settings),
    ]


def _hourly(settings: Settings) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="hourly_schedule",
        job_name=jobs.HOURLY,
        cron_schedule="5 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The hour that has just ended, five minutes after its end.",
    )
    def hourly_schedule(
        context: dg.ScheduleEvaluationContext, source: dg.ResourceParam[MarketSource], clock: Clock
    ) -> dg.RunRequest | dg.SkipReason:
        hour = last_ended_hour(pd.Timestamp(context.scheduled_execution_time))
        if not settings.ingest.covers(hour) or not source.can_ask(hour, clock.now()):
            return dg.SkipReason(
                f"{hour_key(hour)} lies outside of start and end, or {source.name} can't be asked about it."
            )
        return dg.RunRequest(partition_key=hour_key(hour))

    return hourly_schedule


def _tidy() -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name="tidy_schedule",
        job_name=jobs.TIDY,
        cron_schedule="30 3 * * 0",
        default_status=dg.DefaultScheduleStatus.STOPPED,  # it deletes what retention.yaml does not keep
        description="Sundays: clears away what retention.yaml does not keep. Switch it on if you want that.",
    )


def _catch_up(settings: Settings, by_name: Jobs) -> dg.SensorDefinition:
    @dg.sensor(
        jobs=[by_name[name] for name in _CATCH_UP],
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Fills in missing hours, then brings up to date what was made from late or repaired ones.",
    )
    def catch_up_sensor(
        context: dg.SensorEvaluationContext, source: dg.ResourceParam[MarketSource], clock: Clock
    ) -> dg.SensorResult | dg.SkipReason:
        if waiting := under_way(context.instance, _CATCH_UP) or failed_just_now(context.instance, _CATCH_UP):
            return dg.SkipReason(waiting)
        hours = _watched_hours(settings, source, clock.now())
        snapshots, features, predictions, outcomes = _orders(context.instance, hours)
        backlog = find_backlog(
            hours,
            snapshots,
            features,
            predictions,
            outcomes,
            lookback_hours=settings.max_lookback_hours,
            horizon_hours=settings.outcomes.horizon_hours,
        )
        work = {jobs.HOURLY: backlog.missing, jobs.FOLLOW_UP: backlog.outdated}
        if not any(work.values()):  # outcomes come last: they follow from both
            work = {jobs.OUTCOMES: backlog.unvalidated}
        requests = [_range_request(job, hour_key(first), hour_key(last)) for job in work for first, last in work[job]]
        return dg.SensorResult(requests) if requests else dg.SkipReason(f"The last {len(hours)} hours are up to date.")

    return catch_up_sensor


def _days(settings: Settings, by_name: Jobs) -> dg.SensorDefinition:
    @dg.sensor(
        jobs=[by_name[jobs.DATASETS], by_name[jobs.PERFORMANCE]],
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Freezes the datasets of the newest complete day, and measures days whose outcomes are new.",
    )
    def days_sensor(
        context: dg.SensorEvaluationContext,
        source: dg.ResourceParam[MarketSource],
        artifacts: ArtifactsResource,
        clock: Clock,
    ) -> dg.SensorResult | dg.SkipReason:
        # hours that can't be had must not hold up the days, so a failed catch-up is no reason to wait
        waiting = under_way(context.instance, (*_CATCH_UP, jobs.PERFORMANCE))
        if waiting := waiting or failed_just_now(context.instance, (jobs.PERFORMANCE,)):
            return dg.SkipReason(waiting)
        hours = _watched_hours(settings, source, clock.now())
        _, features, _, outcomes = _orders(context.instance, hours)
        requests = []
        complete = complete_days(hours, features)
        newest = newest_pair(artifacts.open())
        if len(complete) and (newest is None or newest[0] < day_key(complete[-1])):
            basis = _basis(settings, context.instance, complete[-1])
            if basis is not None:  # tried once, and again when hours of its week came in later
                day = day_key(complete[-1])
                request = dg.RunRequest(f"datasets-{day}-{basis}", job_name=jobs.DATASETS, partition_key=day)
                requests.append(request)
        measured = _order(context.instance, "model_performance", complete, day_key)
        for first, last in outdated_days(hours, outcomes, complete, measured):
            requests.append(_range_request(jobs.PERFORMANCE, day_key(first), day_key(last)))
        if not requests:
            return dg.SkipReason(f"The {len(complete)} complete days that are watched are done.")
        return dg.SensorResult(requests)

    return days_sensor


def _retrain(settings: Settings, by_name: Jobs) -> dg.SensorDefinition:
    @dg.sensor(
        job=by_name[jobs.RETRAIN],
        minimum_interval_seconds=EVERY_S,
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
    train = {"model": training.model, "dataset": training.day, "actor": ACTOR}
    ops = {"candidate_model": {"config": train}, "evaluated_model": {"config": {"actor": ACTOR}}}
    return dg.RunRequest(run_key=training.key, partition_key=version, run_config={"ops": ops})


def _promote(settings: Settings, by_name: Jobs) -> dg.SensorDefinition:
    @dg.sensor(
        job=by_name[jobs.PROMOTE],
        minimum_interval_seconds=EVERY_S,
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
                verdict = verdict_on(version, CHAMPION, settings, records, warehouse.open(), ACTOR, clock.now())
                allowed = verdict.outcome == "promote"
                reason = "; ".join(verdict.reasons) or reason
            if allowed:
                return dg.SensorResult([_promotion_request(evaluation, champion, reason)])
            refusals.append(f"{version} {reason}")
        return dg.SkipReason(f"{'; '.join(refusals) or 'No version is newer than the champions so far'}.")

    return promote_sensor


def _promotion_request(evaluation: Evaluation, champion: AliasEvent | None, reason: str) -> dg.RunRequest:
    config = {
        "version": evaluation.version,
        "reason": reason,
        "actor": ACTOR,
        "expected": champion.version if champion else NOBODY,
    }
    ops = {"champion_model": {"config": config}}
    return dg.RunRequest(run_key=f"evaluation-{evaluation.id}", run_config={"ops": ops})


def _notify_failures(settings: Settings) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="failure_sensor",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people that a run failed: in the log, or through the webhook of notifications.yaml.",
    )
    def failure_sensor(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        failures = context.get_step_failure_events()
        reason = reason_of(failures[0].step_failure_data.error) if failures else str(context.failure_event.message)
        notice = Notice(run.job_name, run.run_id, partitions_in_tags(run.tags), reason)
        try:
            make_notifier(settings.notifications).notify(notice)
        except NotDelivered:
            LogNotifier().notify(notice)  # Dagster shows that the sensor failed, but doesn't call it again
            raise

    return failure_sensor


def _watched_hours(settings: Settings, source: MarketSource, now: pd.Timestamp) -> pd.DatetimeIndex:
    """The hours that catch-up looks after: those the source can be asked about, up to some weeks back."""
    first_known, last_known = source.span(now)
    ingest = settings.ingest
    last = min(last_ended_hour(now - _LEFT_TO_THE_SCHEDULE), last_known, ingest.last_hour or last_known)
    first = max(ingest.first_hour, first_known, last - (ingest.catch_up_hours - 1) * HOUR)
    return hour_range(first, last)


def _orders(instance: dg.DagsterInstance, hours: pd.DatetimeIndex) -> tuple[Order, Order, Order, Order]:
    snapshots, features, predictions, outcomes = (
        _order(instance, table, hours, hour_key) for table in jobs.HOURLY_ASSETS
    )
    return snapshots, features, predictions, outcomes


def _basis(settings: Settings, instance: dg.DagsterInstance, day: pd.Timestamp) -> int | None:
    windows, lookback = windows_of(day, settings.datasets), settings.max_lookback_hours
    hours = hour_range(windows.training.first - lookback * HOUR, windows.holdout.end - HOUR)
    snapshots, features, _, _ = _orders(instance, hours)
    return basis_of_dataset(windows, hours, snapshots, features, lookback_hours=lookback, settings=settings.datasets)


def _order(
    instance: dg.DagsterInstance, asset: str, times: pd.DatetimeIndex, key_of: Callable[[pd.Timestamp], str]
) -> Order:
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    return order_of(instance.get_latest_storage_id_by_partition(dg.AssetKey(asset), kind), map(key_of, times))


def _range_request(job: str, first: str, last: str) -> dg.RunRequest:
    return dg.RunRequest(job_name=job, tags=range_tags(first, last))
