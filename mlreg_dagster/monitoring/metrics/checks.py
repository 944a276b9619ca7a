"""Asset checks on the objectives: predictions and outcomes, and the daily examination for drift, are in time."""

from datetime import datetime, timedelta

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.core.times import plain
from mlreg_dagster.monitoring.metrics import slos
from mlreg_dagster.monitoring.response.stored import DRIFT_DECISIONS
from mlreg_dagster.orchestration.partitions import hours_in_tags
from mlreg_dagster.orchestration.resources import Clock, WarehouseResource
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS

HOURS_IN_TIME = "hours_in_time"
DAYS_IN_TIME = "days_in_time"


def build_objective_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The checks; they warn, as alerts tell people."""
    return [_hours_check(settings), _days_check(settings)]


def _hours_check(settings: Settings) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="predictions",
        name=HOURS_IN_TIME,
        description="The newest hour was predicted within 2 hours of its end, and outcomes are there within 25 hours "
        "of theirs. A warning; a market that has ended is in time.",
    )
    @retried
    def hours_in_time(
        context: dg.AssetCheckExecutionContext, mlreg_warehouse: WarehouseResource, mlreg_clock: Clock
    ) -> dg.AssetCheckResult:
        now = plain(mlreg_clock.now())
        if settings.ingest.has_ended(now):
            return _ended()
        with mlreg_warehouse.open().session() as tables:
            newest = [tables.newest(table) for table in (PREDICTIONS, PREDICTION_OUTCOMES)]
        own = hours_in_tags(context.run.tags)  # an hour may hold no rows: a market that is closed
        made = [each for each in (newest[0], None if own is None else own[-1]) if each is not None]
        predicted = plain(max(made)) if made else None
        determined = None if newest[1] is None or settings.ingest.checks.allow_empty_hours else plain(newest[1])
        horizon = timedelta(hours=settings.outcomes.horizon_hours)
        return _result([slos.predictions_level(predicted, now), slos.outcomes_level(determined, horizon, now)])

    return hours_in_time


def _days_check(settings: Settings) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="drift_decision",
        name=DAYS_IN_TIME,
        description="Each day is examined for drift within 3 hours of its end. A warning; a market that has ended is "
        "in time. Looks at the newest day, whatever days its run has written.",
    )
    @retried
    def days_in_time(mlreg_warehouse: WarehouseResource, mlreg_clock: Clock) -> dg.AssetCheckResult:
        now = plain(mlreg_clock.now())
        if settings.ingest.has_ended(now):
            return _ended()
        with mlreg_warehouse.open().session() as tables:
            newest = tables.newest(DRIFT_DECISIONS)
        day: datetime | None = None if newest is None else plain(newest)
        return _result([slos.drift_level(day, now)])

    return days_in_time


def _ended() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, description="The market has ended: nothing is to come.")


def _result(levels: list[slos.Level]) -> dg.AssetCheckResult:
    measured = {
        f"{level.objective.name}_hours": level.measured / slos.HOUR for level in levels if level.measured is not None
    }
    return dg.AssetCheckResult(
        passed=all(level.state != "missed" for level in levels),
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(level.text for level in levels),
        metadata=measured,
    )
