"""The hours that come in, come late or are repaired, and the days that they make."""

from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.automation import pace
from mlreg_dagster.config import Settings
from mlreg_dagster.datasets.freezing import newest_pair
from mlreg_dagster.datasets.windows import windows_of
from mlreg_dagster.hours import HOUR, as_hour, day_key, hour_key, hour_range
from mlreg_dagster.market.sources.base import MarketSource, last_ended_hour
from mlreg_dagster.monitoring.backlog import (
    Order,
    at_most,
    basis_of_dataset,
    complete_days,
    find_backlog,
    order_of,
    outdated_days,
)
from mlreg_dagster.orchestration.partitions import range_tags
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock
from mlreg_dagster.orchestration.runs import failed_just_now, under_way

_CATCH_UP = (jobs.HOURLY, jobs.FOLLOW_UP, jobs.OUTCOMES)
_LEFT_TO_THE_SCHEDULE = pd.Timedelta(minutes=20)


def build_hourly_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """The hour that has just ended."""

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
        if settings.ingest.has_ended(hour):
            return dg.SkipReason(_ended(settings))
        if not settings.ingest.covers(hour):
            first = hour_key(settings.ingest.first_hour)
            return dg.SkipReason(f"{hour_key(hour)} lies before the first hour, {first} (`start` in ingest.yaml).")
        if not source.can_ask(hour, clock.now()):
            first, last = map(hour_key, source.span(clock.now()))
            return dg.SkipReason(f"{source.name} can't be asked about {hour_key(hour)}, only about {first} to {last}.")
        return dg.RunRequest(partition_key=hour_key(hour))

    return hourly_schedule


def build_catch_up_sensor(settings: Settings, by_name: pace.Jobs) -> dg.SensorDefinition:
    """Missing hours, then what was made from late or repaired ones."""

    @dg.sensor(
        jobs=[by_name[name] for name in _CATCH_UP],
        minimum_interval_seconds=pace.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Fills in missing hours, then brings up to date what was made from late or repaired ones.",
    )
    def catch_up_sensor(
        context: dg.SensorEvaluationContext, source: dg.ResourceParam[MarketSource], clock: Clock
    ) -> dg.SensorResult | dg.SkipReason:
        if waiting := under_way(context.instance, _CATCH_UP) or failed_just_now(context.instance, _CATCH_UP):
            return dg.SkipReason(waiting)
        watch = _watch(settings, source, clock.now(), context.instance)
        hours = watch.hours
        snapshots, features, predictions, outcomes = _orders(context.instance, hours)
        backlog = find_backlog(
            hours,
            snapshots,
            features,
            predictions,
            outcomes,
            lookback_hours=settings.max_lookback_hours,
            horizon_hours=settings.outcomes.horizon_hours,
            recent=watch.recent,
        )
        missing = [(max(first, watch.known), last) for first, last in backlog.missing if last >= watch.known]
        work = {jobs.HOURLY: missing, jobs.FOLLOW_UP: backlog.outdated}
        if not any(work.values()):  # outcomes come last: they follow from both
            work = {jobs.OUTCOMES: backlog.unvalidated}
        requests = [
            _range_request(job, hour_key(first), hour_key(last))
            for job, pieces in work.items()
            for first, last in at_most(pieces, settings.ingest.catch_up_hours, watch.recent)
        ]
        if requests:
            return dg.SensorResult(requests)
        lost = sum(len(hour_range(first, min(last, watch.known - HOUR))) for first, last in backlog.missing)
        return dg.SkipReason(" ".join([*_left_out(lost, watch.known, source), *_up_to_date(watch, settings)]))

    return catch_up_sensor


def build_days_sensor(settings: Settings, by_name: pace.Jobs) -> dg.SensorDefinition:
    """Datasets of the newest complete day, and the performance of days whose outcomes are new."""

    @dg.sensor(
        jobs=[by_name[jobs.DATASETS], by_name[jobs.PERFORMANCE]],
        minimum_interval_seconds=pace.EVERY_S,
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
        hours = _watch(settings, source, clock.now(), context.instance).hours
        _, features, _, outcomes = _orders(context.instance, hours)
        requests, held_back = [], ""
        complete = complete_days(hours, features)
        newest = newest_pair(artifacts.open())
        if len(complete) and (newest is None or newest[0] < day_key(complete[-1])):
            basis = _basis(settings, context.instance, complete[-1])
            day = day_key(complete[-1])
            if basis is None:
                held_back = (
                    f" The dataset of {day} is not: too few of its hours are there, or their features are outdated."
                )
            else:  # tried once, and again when hours of its week came in later
                request = dg.RunRequest(f"datasets-{day}-{basis}", job_name=jobs.DATASETS, partition_key=day)
                requests.append(request)
        measured = _order(context.instance, "model_performance", complete, day_key)
        for first, last in outdated_days(hours, outcomes, complete, measured):
            requests.append(_range_request(jobs.PERFORMANCE, day_key(first), day_key(last)))
        if not requests:
            return dg.SkipReason(f"The {len(complete)} complete days that are watched are measured.{held_back}")
        return dg.SensorResult(requests)

    return days_sensor


@dataclass(frozen=True)
class _Watch:
    """The hours that are looked after.

    Attributes:
        hours: From the oldest snapshot on, or from `recent` on where that is earlier.
        recent: The first hour that is filled in even where no snapshot is older.
        known: The first hour that the source can be asked about.
    """

    hours: pd.DatetimeIndex
    recent: pd.Timestamp
    known: pd.Timestamp


def _watch(settings: Settings, source: MarketSource, now: pd.Timestamp, instance: dg.DagsterInstance) -> _Watch:
    first_known, last_known = source.span(now)
    ingest = settings.ingest
    last = min(last_ended_hour(now - _LEFT_TO_THE_SCHEDULE), last_known, ingest.last_hour or last_known)
    recent = max(ingest.first_hour, first_known, last - (ingest.catch_up_hours - 1) * HOUR)
    snapshots = instance.get_materialized_partitions(dg.AssetKey("market_snapshot"))
    oldest = min((key for key in snapshots if key >= hour_key(ingest.first_hour)), default=hour_key(recent))
    return _Watch(hour_range(min(recent, as_hour(oldest)), last), recent, first_known)


def _up_to_date(watch: _Watch, settings: Settings) -> list[str]:
    if watch.hours.empty:
        return ["No hour of the market has ended yet."]
    first, last = watch.hours[0], watch.hours[-1]
    ended = [_ended(settings)] if last == settings.ingest.last_hour else []
    return [*ended, f"All {len(watch.hours)} hours from {hour_key(first)} to {hour_key(last)} are up to date."]


def _ended(settings: Settings) -> str:
    last = settings.ingest.last_hour
    assert last is not None  # noqa: S101 - a market without an end does not end
    return f"The market ended with {hour_key(last)} (`end` in ingest.yaml): no hour is to come."


def _left_out(lost: int, known: pd.Timestamp, source: MarketSource) -> list[str]:
    if not lost:
        return []
    return [f"{lost} hours are missing for good: {source.name} can't be asked about hours before {hour_key(known)}."]


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
