"""The sensor for what was answered online: segments that wait for their compaction, and outcomes that are due."""

from datetime import datetime
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.automation import common
from mlreg_dagster.automation.backlog import Order, at_most, pieces_of, unvalidated_answers
from mlreg_dagster.automation.ingestion import PATIENCE_S, Requests, order_in
from mlreg_dagster.automation.watched_hours import watched
from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_key
from mlreg_dagster.market.sources.base import MarketSource, last_ended_hour
from mlreg_dagster.orchestration.instance.materialized_hours import lost_hours
from mlreg_dagster.orchestration.instance.runs import failed_just_now, under_way
from mlreg_dagster.orchestration.resources import Clock, WarehouseResource
from mlreg_dagster.serving.log.abandoned import seal_abandoned
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.prediction_log import Layout, hours_on_record, layout_of, waiting_hours
from mlreg_dagster.storage.warehouse.guarded_file import WarehouseBusy
from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse

_JOBS = (jobs.SERVED, jobs.SERVED_OUTCOMES)
_PREDICTIONS, _OUTCOMES = jobs.SERVED_ASSETS
_SLACK = pd.Timedelta(seconds=30)
_ASKED_ABOUT = (
    f"SELECT DISTINCT hour, market_hour FROM {_PREDICTIONS} "  # noqa: S608 - a name of ours
    "WHERE hour >= $first AND market_hour IS NOT NULL AND instrument_id IS NOT NULL"
)


def build_served_sensor(settings: Settings, by_name: common.Jobs, home: Path) -> dg.SensorDefinition:
    """Hours with sealed segments, then outcomes of answers."""
    layout = layout_of(home)

    @dg.sensor(
        jobs=[by_name[name] for name in _JOBS],
        minimum_interval_seconds=common.EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Stores what the server answered, from the sealed segments of its log, and looks up the outcomes "
        "of answers once they are due.",
    )
    def served_sensor(
        context: dg.SensorEvaluationContext,
        mlreg_source: dg.ResourceParam[MarketSource],
        mlreg_warehouse: WarehouseResource,
        mlreg_clock: Clock,
    ) -> dg.SensorResult | dg.SkipReason:
        if not layout.root.is_dir():
            return dg.SkipReason(f"No server has answered yet: there is no {layout.root}.")
        if waiting := under_way(context.instance, _JOBS) or failed_just_now(context.instance, _JOBS):
            return dg.SkipReason(waiting)
        now, tables = mlreg_clock.now(), mlreg_warehouse.open()
        tables.wait_at_most(PATIENCE_S)
        with explained(layout.root):
            seal_abandoned(layout)
        requests = Requests(context.instance, settings)
        try:
            due = _hours_to_store(context.instance, settings, tables, layout, now)
            requests.add(jobs.SERVED, pieces_of(due), hour_key)
            if not requests.runs:
                watch = watched(settings.ingest, mlreg_source, now, context.instance)
                horizon = settings.outcomes.horizon_hours
                oldest = last_ended_hour(now) - (settings.ingest.catch_up_hours + horizon) * HOUR
                answers = _answers(context.instance, tables, watch.hours, oldest, horizon)
                snapshots, outcomes = (
                    order_in(context.instance, each, watch.hours, hour_key) for each in ("market_snapshot", _OUTCOMES)
                )
                late = unvalidated_answers(watch.hours, snapshots, answers, outcomes, horizon)
                late = at_most(late, settings.ingest.catch_up_hours, watch.recent)
                requests.add(jobs.SERVED_OUTCOMES, late, hour_key)
        except WarehouseBusy as busy:
            return dg.SkipReason(str(busy))
        return requests.result("All segments of hours that have ended are stored, and all outcomes due are known.")

    return served_sensor


def _hours_to_store(
    instance: dg.DagsterInstance, settings: Settings, tables: SqlWarehouse, layout: Layout, now: pd.Timestamp
) -> pd.DatetimeIndex:
    """The hours of sealed segments, of files that no run has recorded, and those whose rows the table lost.

    An hour waits until each living process has sealed what it wrote in it.
    """
    made = instance.get_materialized_partitions(dg.AssetKey(_PREDICTIONS))
    files = _as_index(hours_on_record(layout))
    last = last_ended_hour(now - pd.Timedelta(seconds=settings.serving.log.segment_seconds) - _SLACK)
    sealed = _as_index(waiting_hours(layout, last))
    unrecorded = files[[hour_key(hour) not in made for hour in files]]
    found = sealed.union(unrecorded)
    if len(files):
        stored = tables.hours(_PREDICTIONS, files[0], files[-1])
        found = found.union(lost_hours(instance, _PREDICTIONS, files, stored))
    return found[(found >= settings.ingest.first_hour) & (found <= last)]


def _answers(
    instance: dg.DagsterInstance, tables: SqlWarehouse, hours: pd.DatetimeIndex, oldest: pd.Timestamp, horizon: int
) -> Order:
    """For each hour the newest materialization with answers about the hour `horizon` before it; 0: there are none.

    Of the hours of answers those from `oldest` on are looked at, and older ones that were stored since.
    """
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    made = {
        as_hour(key): order
        for key, order in instance.get_latest_storage_id_by_partition(dg.AssetKey(_PREDICTIONS), kind).items()
    }
    answers = np.zeros(len(hours), dtype=np.int64)
    recent = [order for hour, order in made.items() if hour >= oldest]
    looked_at = [hour for hour, order in made.items() if hour >= oldest or (recent and order >= min(recent))]
    if not looked_at or not len(hours):
        return answers
    first = min(looked_at)
    if not len(tables.hours(_PREDICTIONS, first, max(looked_at))):
        return answers
    for hour, about in tables.query(_ASKED_ABOUT, {"first": first}).itertuples(index=False, name=None):
        position = (about + horizon * HOUR - hours[0]) // HOUR
        if 0 <= position < len(hours):
            answers[position] = max(answers[position], made.get(hour, 0))
    return answers


def _as_index(hours: list[datetime]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(hours, dtype="datetime64[us, UTC]")
