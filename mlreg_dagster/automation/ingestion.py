"""Schedule and sensors for hours that are due, late or repaired, and for the days that they complete.

Which hours and days are due is worked out in `backlog`, without Dagster.
"""

from collections.abc import Callable, Iterable
from functools import partial, reduce
from uuid import uuid4

import dagster as dg
import numpy as np
import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.automation import common
from mlreg_dagster.automation.backlog import (
    Order,
    Pieces,
    at_most,
    basis_of_dataset,
    complete_days,
    find_backlog,
    order_of,
    outdated_days,
)
from mlreg_dagster.automation.watched_hours import ended, watched
from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, day_key, hour_key, hour_range
from mlreg_dagster.datasets.freezing import newest_pair
from mlreg_dagster.datasets.windows import windows_of
from mlreg_dagster.market.sources.base import MarketSource, last_ended_hour
from mlreg_dagster.orchestration.instance.earlier_runs import TOGETHER
from mlreg_dagster.orchestration.instance.materialized_hours import lost_hours
from mlreg_dagster.orchestration.instance.repeated_requests import held_back, next_turn
from mlreg_dagster.orchestration.instance.runs import failed_just_now, under_way
from mlreg_dagster.orchestration.partitions import range_tags, runs_of
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, WarehouseResource
from mlreg_dagster.storage.warehouse.guarded_file import WarehouseBusy
from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse

CATCH_UP = (jobs.HOURLY, jobs.FOLLOW_UP, jobs.OUTCOMES, jobs.REASONS)
PATIENCE_S = 10.0  # how long a sensor waits for a process that holds the tables


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
        context: dg.ScheduleEvaluationContext, mlreg_source: dg.ResourceParam[MarketSource], mlreg_clock: Clock
    ) -> dg.RunRequest | dg.SkipReason:
        hour = last_ended_hour(pd.Timestamp(context.scheduled_execution_time))
        if settings.ingest.has_ended(hour):
            return dg.SkipReason(ended(settings.ingest))
        if not settings.ingest.covers(hour):
            first = hour_key(settings.ingest.first_hour)
            return dg.SkipReason(f"{hour_key(hour)} lies before the first hour, {first} (`start` in ingest.yaml).")
        if not mlreg_source.can_ask(hour, mlreg_clock.now()):
            first, last = map(hour_key, mlreg_source.span(mlreg_clock.now()))
            return dg.SkipReason(
                f"{mlreg_source.name} can't be asked about {hour_key(hour)}, only about {first} to {last}."
            )
        return dg.RunRequest(partition_key=hour_key(hour))

    return hourly_schedule


def build_catch_up_sensor(settings: Settings, by_name: common.Jobs) -> dg.SensorDefinition:
    """Missing hours, then what was made from late or repaired ones."""

    @dg.sensor(
        jobs=[by_name[name] for name in CATCH_UP],
        minimum_interval_seconds=common.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Fills in missing hours, then brings up to date what was made from late or repaired ones.",
    )
    def catch_up_sensor(
        context: dg.SensorEvaluationContext,
        mlreg_source: dg.ResourceParam[MarketSource],
        mlreg_warehouse: WarehouseResource,
        mlreg_clock: Clock,
    ) -> dg.SensorResult | dg.SkipReason:
        if waiting := under_way(context.instance, CATCH_UP) or failed_just_now(context.instance, CATCH_UP):
            return dg.SkipReason(waiting)
        watch = watched(settings.ingest, mlreg_source, mlreg_clock.now(), context.instance)
        hours = watch.hours
        try:
            orders = hourly_orders(context.instance, hours, mlreg_warehouse.open())
        except WarehouseBusy as busy:
            return dg.SkipReason(str(busy))
        backlog = find_backlog(
            hours,
            *orders,
            lookback_hours=settings.max_lookback_hours,
            horizon_hours=settings.outcomes.horizon_hours,
            recent=watch.recent,
        )
        requests, limit = Requests(context.instance, settings), settings.ingest.catch_up_hours
        requests.add(jobs.HOURLY, at_most(watch.askable(backlog.missing), limit, watch.recent), hour_key)
        requests.add(jobs.FOLLOW_UP, at_most(backlog.outdated, limit, watch.recent), hour_key)
        if not requests.runs:  # outcomes and reasons come last: they follow from both
            requests.add(jobs.OUTCOMES, at_most(backlog.unvalidated, limit, watch.recent), hour_key)
            requests.add(jobs.REASONS, at_most(backlog.unexplained, limit, watch.recent), hour_key)
        return requests.result(watch.at_rest(backlog.missing))

    return catch_up_sensor


def build_days_sensor(settings: Settings, by_name: common.Jobs) -> dg.SensorDefinition:
    """Datasets of the newest complete day, and the performance of days whose outcomes are new."""

    @dg.sensor(
        jobs=[by_name[jobs.DATASETS], by_name[jobs.PERFORMANCE]],
        minimum_interval_seconds=common.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Freezes the datasets of the newest complete day, and measures days whose outcomes are new.",
    )
    def days_sensor(
        context: dg.SensorEvaluationContext,
        mlreg_source: dg.ResourceParam[MarketSource],
        mlreg_artifacts: ArtifactsResource,
        mlreg_warehouse: WarehouseResource,
        mlreg_clock: Clock,
    ) -> dg.SensorResult | dg.SkipReason:
        # hours that can't be had must not hold up the days, so a failed catch-up is no reason to wait
        waiting = under_way(context.instance, (*CATCH_UP, jobs.DATASETS, jobs.PERFORMANCE))
        if waiting := waiting or failed_just_now(context.instance, (jobs.PERFORMANCE,)):
            return dg.SkipReason(waiting)
        hours = watched(settings.ingest, mlreg_source, mlreg_clock.now(), context.instance).hours
        try:
            _, features, _, outcomes, followers = hourly_orders(context.instance, hours, mlreg_warehouse.open())
        except WarehouseBusy as busy:
            return dg.SkipReason(str(busy))
        requests = Requests(context.instance, settings)
        complete = complete_days(hours, features)
        waits = partial(_waits_for_quality, settings, mlreg_warehouse.open(), mlreg_clock.now())
        newest = newest_pair(mlreg_artifacts.open(), mlreg_clock.now())
        if len(complete) and (newest is None or newest[0] < day_key(complete[-1])):
            try:
                requests.add_datasets(complete[-1], waits)
            except WarehouseBusy as busy:
                return dg.SkipReason(str(busy))
        measured = _oldest(order_in(context.instance, each, complete, day_key) for each in jobs.PERFORMANCE_ASSETS)
        served = order_in(context.instance, jobs.SERVED_ASSETS[1], hours, hour_key)
        days = outdated_days(hours, np.maximum(outcomes, followers), complete, measured, served)
        requests.add(jobs.PERFORMANCE, days, day_key)
        return requests.result(
            f"The {len(complete)} complete days that are watched are done."
            if len(complete)
            else f"None of the days that are watched has all its hours; {len(hours)} hours are watched."
        )

    return days_sensor


class Requests:
    """The runs that a tick requests, and why it does not request the others."""

    def __init__(self, instance: dg.DagsterInstance, settings: Settings) -> None:
        self.runs: list[dg.RunRequest] = []
        self._instance, self._settings = instance, settings
        self._held_back: list[str] = []

    def add(self, job: str, pieces: Pieces, key_of: Callable[[pd.Timestamp], str]) -> None:
        """Ask for ranges of hours or days, the oldest first, but for those whose run was cancelled."""
        settings = self._settings.automation
        is_daily = key_of is day_key
        per_run = settings.days_per_run if is_daily else settings.hours_per_run
        together = {} if per_run is None else {TOGETHER: uuid4().hex}
        for begin, end in pieces:
            times = pd.date_range(begin, end, freq="D" if is_daily else "h", unit="us")
            for chunk in runs_of(times, per_run):
                first, last = key_of(chunk[0]), key_of(chunk[-1])
                if reason := held_back(self._instance, job, first, last, settings):
                    self._held_back.append(f"{job} {first}...{last}: {reason}")
                else:
                    self.runs.append(dg.RunRequest(job_name=job, tags={**range_tags(first, last), **together}))

    def add_datasets(self, day: pd.Timestamp, waits: Callable[[pd.Timestamp], str | None]) -> None:
        """Ask for the datasets of a day, unless it waits: once, and again when hours of its week came in later."""
        basis = _basis(self._settings, self._instance, day)
        if isinstance(basis, str):
            self._held_back.append(f"{jobs.DATASETS} {day_key(day)}: {basis}")
            return
        turn = next_turn(self._instance, f"datasets-{day_key(day)}-{basis}", self._settings.automation)
        if turn.run_key is None:
            self._held_back.append(f"{jobs.DATASETS} {day_key(day)}: {turn.reason}")
            return
        if reason := waits(day):
            self._held_back.append(f"{jobs.DATASETS} {day_key(day)}: {reason}")
            return
        self.runs.append(dg.RunRequest(turn.run_key, job_name=jobs.DATASETS, partition_key=day_key(day)))

    def result(self, otherwise: str) -> dg.SensorResult | dg.SkipReason:
        """The requests; without any, why."""
        if self.runs:
            return dg.SensorResult(self.runs)
        return dg.SkipReason(" ".join(self._held_back) or otherwise)


def hourly_orders(
    instance: dg.DagsterInstance,
    hours: pd.DatetimeIndex,
    tables: SqlWarehouse | None = None,
    patience_s: float | None = None,
) -> tuple[Order, ...]:
    """The newest materializations of the hourly assets; of reasons and sketches the older one of both.

    With `tables`, hours whose rows these lost have none.

    Args:
        instance: Whose event log is asked.
        hours: Consecutive hours.
        tables: Where rows may be lost.
        patience_s: How long to wait for another process that keeps the tables, seconds.

    Raises:
        WarehouseBusy: Another process held the tables.
    """
    orders = tuple(order_in(instance, table, hours, hour_key) for table in jobs.HOURLY_ASSETS)
    if tables is not None and len(hours):
        tables.wait_at_most(patience_s or PATIENCE_S)
        for name, order in zip(jobs.HOURLY_ASSETS, orders, strict=True):
            stored = tables.hours(name, hours[0], hours[-1])
            order[hours.isin(lost_hours(instance, name, hours, stored))] = 0
    return (*orders[:4], _oldest(orders[4:]))


def _basis(settings: Settings, instance: dg.DagsterInstance, day: pd.Timestamp) -> int | str:
    windows, lookback = windows_of(day, settings.datasets), settings.max_lookback_hours
    hours = hour_range(windows.training.first - lookback * HOUR, windows.holdout.end - HOUR)
    snapshots, features, *_ = hourly_orders(instance, hours)
    return basis_of_dataset(windows, hours, snapshots, features, lookback_hours=lookback, settings=settings.datasets)


def _waits_for_quality(settings: Settings, tables: SqlWarehouse, now: pd.Timestamp, day: pd.Timestamp) -> str | None:
    """Why the datasets of a day wait for its hours to be repaired, where datasets.yaml lets them."""
    from mlreg_dagster.datasets.choosing import WaitsForRepair, refusal

    if settings.datasets.low_quality != "wait":
        return None  # a run says it: it leaves bad days out, or fails with the reason
    tables.wait_at_most(PATIENCE_S)
    found = refusal(tables, day, settings, now)
    return str(found) if isinstance(found, WaitsForRepair) else None


def _oldest(orders: Iterable[Order]) -> Order:
    """Of several assets that one job makes, what is there of all of them."""
    return reduce(np.minimum, orders)


def order_in(
    instance: dg.DagsterInstance, asset: str, times: pd.DatetimeIndex, key_of: Callable[[pd.Timestamp], str]
) -> Order:
    """The newest materializations of the partitions of an asset."""
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    return order_of(instance.get_latest_storage_id_by_partition(dg.AssetKey(asset), kind), map(key_of, times))
