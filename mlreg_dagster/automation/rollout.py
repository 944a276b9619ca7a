"""The sensor that moves open rollouts on or back, as the decision table says."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.automation import common
from mlreg_dagster.automation.ingestion import PATIENCE_S
from mlreg_dagster.config import Settings
from mlreg_dagster.governance.rollout.request import RolloutAction
from mlreg_dagster.orchestration.instance.repeated_requests import UNTIL_DONE, next_turn
from mlreg_dagster.orchestration.instance.runs import under_way
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, RegistryResource, WarehouseResource
from mlreg_dagster.registry import Registry, TrafficEvent
from mlreg_dagster.storage.warehouse.guarded_file import WarehouseBusy

if TYPE_CHECKING:
    from mlreg_dagster.governance.rollout.looking import Look
    from mlreg_dagster.storage.artifacts import ArtifactStore
    from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse

EVERY_S = 30
"""How often it looks, seconds: a candidate that breaks its budget is gone within minutes."""


def build_rollout_sensor(settings: Settings, by_name: common.Jobs, home: Path) -> dg.SensorDefinition:
    """The next step of each open rollout."""

    @dg.sensor(
        job=by_name[jobs.ROLLOUT],
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at each open rollout, and requests the run that moves it on or back where the decision "
        "table says so.",
    )
    def rollout_sensor(
        context: dg.SensorEvaluationContext,
        mlreg_registry: RegistryResource,
        mlreg_artifacts: ArtifactsResource,
        mlreg_warehouse: WarehouseResource,
        mlreg_clock: Clock,
    ) -> dg.SensorResult | dg.SkipReason:
        records, now = mlreg_registry.open(), mlreg_clock.now()
        rollouts = records.open_rollouts()
        if not rollouts:
            return dg.SkipReason("No rollout is open.")
        if waiting := under_way(context.instance, (jobs.ROLLOUT, jobs.PROMOTE)):
            return dg.SkipReason(waiting)
        last = max(event.recorded_at for event in rollouts)
        if now < last:  # the run would fail
            return dg.SkipReason(
                f"The clock is behind the last change of traffic, recorded {last}. `mlreg doctor` says what to do."
            )
        try:
            looks = look_at_all(records, mlreg_artifacts.open(), mlreg_warehouse.open(), home, settings, now)
        except WarehouseBusy as busy:
            return dg.SkipReason(str(busy))
        requests: list[dg.RunRequest] = []
        waits: list[str] = []
        for found in looks:
            named = f"{found.event.candidate} in {found.event.state}"
            if not found.calls_for_step:
                waits.append(f"{named}: {found.decision.reason}")
                continue
            turn = next_turn(context.instance, _key_of(found), settings.automation, until_done=True)
            if turn.run_key is None:
                waits.append(f"{named}: {found.decision.ruling}, but: {turn.reason}")
                continue
            requests.append(_step(found.event, turn.run_key))
        return dg.SensorResult(requests) if requests else dg.SkipReason(" ".join(waits) or "No rollout is open.")

    return rollout_sensor


def look_at_all(
    registry: Registry,
    store: "ArtifactStore",
    tables: "SqlWarehouse",
    home: Path,
    settings: Settings,
    now: pd.Timestamp,
) -> "list[Look]":
    """How each open rollout stands.

    Raises:
        WarehouseBusy: Another process keeps the tables.
    """
    from mlreg_dagster.governance.rollout.looking import look

    tables.wait_at_most(PATIENCE_S)
    aliases = [event.alias for event in registry.open_rollouts()]
    looks = (look(registry, tables, home, settings, alias, now, store=store) for alias in aliases)
    return [each for each in looks if each is not None]


def _key_of(found: "Look") -> str:
    """The same for the same decision after the same change; numbers of changes come again when a copy is put back."""
    event, decision = found.event, found.decision
    basis = [event.recorded_at.isoformat(), event.salt, decision.row, decision.state, found.unpaired]
    digest = hashlib.sha256(json.dumps(basis).encode()).hexdigest()[:16]
    return f"rollout-{event.alias}-{event.sequence}-{decision.ruling}-{digest}"


def _step(event: TrafficEvent, run_key: str) -> dg.RunRequest:
    action = RolloutAction("step", common.ACTOR, event.alias, expected=str(event.sequence))
    return dg.RunRequest(
        run_key, run_config=action.run_config, tags={**action.tags(event.candidate), UNTIL_DONE: "yes"}
    )
