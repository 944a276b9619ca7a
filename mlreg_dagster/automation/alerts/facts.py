"""What the sensor looks at: facts from Dagster, the tables, the registry and the disk, as alerts of the rules."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlreg_dagster import jobs
from mlreg_dagster.automation.failures.checks import failing_checks
from mlreg_dagster.config import Settings
from mlreg_dagster.config.places import warehouse_file
from mlreg_dagster.core.times import read_time
from mlreg_dagster.governance.rollout.table import NEEDS_APPROVAL
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.monitoring.alerts import conditions
from mlreg_dagster.monitoring.alerts.decisions import (
    DECISION_RULES,
    decided_levels,
    drift_alerts,
    newest_decision,
)
from mlreg_dagster.monitoring.alerts.rules import Alert
from mlreg_dagster.monitoring.metrics import slos
from mlreg_dagster.orchestration.instance.job_states import failed_last, newest_partition
from mlreg_dagster.orchestration.instance.repeated_requests import UNTIL_DONE
from mlreg_dagster.orchestration.partitions import partitions_in_tags
from mlreg_dagster.outcomes.checks import FLAGGED_SHARE
from mlreg_dagster.outcomes.performance.flagged_share import flagged_share_in
from mlreg_dagster.registry import Registry, TrafficEvent
from mlreg_dagster.storage.warehouse.opening import open_tables

if TYPE_CHECKING:
    from mlreg_dagster.governance.rollout.looking import Look

WATCHED = (
    *(jobs.HOURLY, jobs.FOLLOW_UP, jobs.OUTCOMES, jobs.REASONS, jobs.DATASETS, jobs.PERFORMANCE),
    *(jobs.RETRAIN, jobs.WEEKLY, jobs.PRUNE),
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
        home: The data home.
        looks: Looks at each open rollout.
    """

    instance: dg.DagsterInstance
    checks: frozenset[dg.AssetCheckKey]
    registry: Registry
    home: Path
    looks: "Callable[[], Iterable[Look]]" = tuple


def examinations(place: Place, settings: Settings, now: datetime) -> Iterator[Examination]:
    """Every look that there is; each may fail on its own."""
    registry = place.registry
    yield ("run_failed",), lambda: conditions.failed_jobs(_failed_jobs(place))
    yield ("check_failed",), lambda: conditions.failing_checks(_failing_checks(place))
    yield ("rollout_rolled_back",), lambda: conditions.rolled_back(_newest_traffic(registry), now)
    yield ("rollout_waits",), lambda: conditions.waiting_rollouts(_waiting_rollouts(place))
    yield ("suspended",), lambda: conditions.suspended(registry.suspended(now).values())
    yield ("disk_low",), lambda: _low_disk(place.home)
    yield ("channel_down",), lambda: conditions.silent_channels(registry.undelivered_messages(), now)
    yield ("flagged_share", *DECISION_RULES), lambda: _judged(place.home, settings)
    late = ("predictions_late", "outcomes_late", "drift_late", "drift_found_late", "retraining_late")
    if settings.ingest.has_ended(now):  # nothing is to come, so that nothing is late
        yield (*late, "champion_old"), lambda: ()
        return
    yield late, lambda: conditions.missed_objectives(levels(place, settings, now, only_pending=True))
    yield ("champion_old",), lambda: _old_champion(registry, settings, now)


def levels(place: Place, settings: Settings, now: datetime, *, only_pending: bool = False) -> list[slos.Level]:
    """How the objectives stand.

    Args:
        place: Where it is looked.
        settings: The configuration.
        now: The current time.
        only_pending: Leave out trainings that are done, however long they took.

    Raises:
        WarehouseBusy: Another process kept the tables.
    """
    with open_tables(place.home, _PATIENCE_S) as tables:
        decided = newest_decision(tables)
    return [
        *hourly_levels(place.instance, settings, now),
        *decided_levels(decided, place.registry, now, only_pending=only_pending),
    ]


def hourly_levels(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> list[slos.Level]:
    """How the objectives on hours stand, by Dagster's event log."""
    predicted, determined = (_newest_time(instance, name) for name in ("predictions", "prediction_outcomes"))
    horizon = timedelta(hours=settings.outcomes.horizon_hours)
    return [slos.predictions_level(predicted, now), slos.outcomes_level(determined, horizon, now)]


def _newest_time(instance: dg.DagsterInstance, asset: str) -> datetime | None:
    key = newest_partition(instance, asset)
    return None if key is None else read_time(key)


def _failed_jobs(place: Place) -> Iterator[conditions.FailedJob]:
    failed = list(failed_last(place.instance, WATCHED))
    if any(event.is_open for event in _newest_traffic(place.registry)):  # what people were refused is a result
        failed += failed_last(place.instance, (jobs.ROLLOUT,), {UNTIL_DONE: "yes"})
    for run, reason in failed:
        yield conditions.FailedJob(run.job_name, run.run_id, partitions_in_tags(run.tags), reason)


def _failing_checks(place: Place) -> Iterator[conditions.FailingCheck]:
    for key, row in failing_checks(place.instance, place.checks).items():
        if key.name != FLAGGED_SHARE:  # which has a rule of its own
            yield conditions.FailingCheck(key.asset_key.to_user_string(), key.name, row["description"])


def _newest_traffic(registry: Registry) -> Iterator[TrafficEvent]:
    for alias in registry.aliases():
        if (event := registry.traffic(alias)) is not None:
            yield event


def _waiting_rollouts(place: Place) -> Iterator[conditions.WaitingRollout]:
    for found in place.looks():
        if found.decision.row == NEEDS_APPROVAL:
            yield conditions.WaitingRollout(found.event.candidate, found.event.state, found.decision.reason)


def _low_disk(home: Path) -> list[Alert]:
    if not home.is_dir():
        return []
    tables = warehouse_file(home)  # none where a lake has them
    size = tables.stat().st_size if tables.exists() else 0
    return conditions.low_disk(str(home), shutil.disk_usage(home).free, size)


def _judged(home: Path, settings: Settings) -> list[Alert]:
    """What the newest decision on drift says, and the flagged share where that does not."""
    with open_tables(home, _PATIENCE_S) as tables:
        decided, share = newest_decision(tables), flagged_share_in(tables, settings.evaluation)
    told = decided is not None and decided.tells_of_drift
    return [*drift_alerts(decided), *conditions.flagged_share(share, is_decided=told)]


def _old_champion(registry: Registry, settings: Settings, now: datetime) -> list[Alert]:
    champion = registry.holder(CHAMPION, now)
    if champion is None:
        return []
    limit = timedelta(days=settings.retraining.champion_max_age_days)
    return conditions.old_champion(champion.version, champion.effective_at, now, limit)
