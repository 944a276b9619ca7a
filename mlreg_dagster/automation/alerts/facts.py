"""What the sensor looks at: facts from Dagster, the tables, the registry and the disk, as alerts of the rules."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg

from mlreg_dagster import jobs
from mlreg_dagster.automation.failures.checks import failing_checks
from mlreg_dagster.config import Settings
from mlreg_dagster.core.times import read_time
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.monitoring.alerts import conditions
from mlreg_dagster.monitoring.alerts.rules import Alert
from mlreg_dagster.monitoring.metrics import slos
from mlreg_dagster.orchestration.instance.job_states import failed_last, newest_partition
from mlreg_dagster.orchestration.partitions import partitions_in_tags
from mlreg_dagster.outcomes.checks import FLAGGED_SHARE
from mlreg_dagster.outcomes.performance.flagged_share import flagged_share_in
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.warehouse.reader import WarehouseReader

_WATCHED = (
    *(jobs.HOURLY, jobs.FOLLOW_UP, jobs.OUTCOMES, jobs.REASONS, jobs.DATASETS, jobs.PERFORMANCE),
    *(jobs.RETRAIN, jobs.PRUNE),
)
"""Jobs that automation starts; a promotion that is refused is a result."""

_PATIENCE_S = 5.0  # for a process that keeps the tables

Examination = tuple[tuple[str, ...], Callable[[], Iterable[Alert]]]
"""The rules that are looked at together, and how."""


@dataclass(frozen=True)
class Place:
    """Where the sensor looks.

    Attributes:
        instance: Dagster's runs and events.
        checks: The asset checks that there are.
        registry: Versions, aliases, the outbox.
        tables: The tables' file, in the home.
    """

    instance: dg.DagsterInstance
    checks: frozenset[dg.AssetCheckKey]
    registry: Registry
    tables: Path


def examinations(place: Place, settings: Settings, now: datetime) -> Iterator[Examination]:
    """Every look that there is; each may fail on its own."""
    instance, registry = place.instance, place.registry
    yield ("run_failed",), lambda: conditions.failed_jobs(_failed_jobs(instance))
    yield ("check_failed",), lambda: conditions.failing_checks(_failing_checks(place))
    yield ("disk_low",), lambda: _low_disk(place.tables)
    yield ("channel_down",), lambda: conditions.silent_channels(registry.undelivered_messages(), now)
    if settings.ingest.has_ended(now):  # nothing is to come, so that nothing is late
        yield ("predictions_late", "outcomes_late", "flagged_share", "champion_old"), lambda: ()
        return
    yield (
        ("predictions_late", "outcomes_late"),
        lambda: conditions.missed_objectives(hourly_levels(instance, settings, now)),
    )
    yield ("flagged_share",), lambda: _flagged_share(place.tables, settings)
    yield ("champion_old",), lambda: _old_champion(registry, settings, now)


def hourly_levels(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> list[slos.Level]:
    """How the objectives on hours stand, by Dagster's event log."""
    predicted, determined = (_newest_time(instance, name) for name in ("predictions", "prediction_outcomes"))
    horizon = timedelta(hours=settings.outcomes.horizon_hours)
    return [slos.predictions_level(predicted, now), slos.outcomes_level(determined, horizon, now)]


def _newest_time(instance: dg.DagsterInstance, asset: str) -> datetime | None:
    key = newest_partition(instance, asset)
    return None if key is None else read_time(key)


def _failed_jobs(instance: dg.DagsterInstance) -> Iterator[conditions.FailedJob]:
    for run, reason in failed_last(instance, _WATCHED):
        yield conditions.FailedJob(run.job_name, run.run_id, partitions_in_tags(run.tags), reason)


def _failing_checks(place: Place) -> Iterator[conditions.FailingCheck]:
    for key, row in failing_checks(place.instance, place.checks).items():
        if key.name != FLAGGED_SHARE:  # which has a rule of its own
            yield conditions.FailingCheck(key.asset_key.to_user_string(), key.name, row["description"])


def _low_disk(tables: Path) -> list[Alert]:
    if not tables.parent.is_dir():
        return []
    size = tables.stat().st_size if tables.exists() else 0
    return conditions.low_disk(str(tables.parent), shutil.disk_usage(tables.parent).free, size)


def _flagged_share(file: Path, settings: Settings) -> list[Alert]:
    with WarehouseReader(file, _PATIENCE_S).tables() as tables:
        return conditions.flagged_share(flagged_share_in(tables, settings.evaluation))


def _old_champion(registry: Registry, settings: Settings, now: datetime) -> list[Alert]:
    champion = registry.holder(CHAMPION, now)
    if champion is None:
        return []
    limit = timedelta(days=settings.retraining.champion_max_age_days)
    return conditions.old_champion(champion.version, champion.effective_at, now, limit)
