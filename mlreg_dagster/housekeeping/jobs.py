"""The chores as a job of the graph, with those of Dagster's own storage."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.housekeeping.chores import Chore, chores
from mlreg_dagster.housekeeping.home import Home
from mlreg_dagster.orchestration.housekeeping import old_logs, old_ticks, purge_ticks, remove_logs
from mlreg_dagster.orchestration.resources import ArtifactsResource, RegistryResource, WarehouseResource
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.storage.registry import Registry


def build_tidy_job(name: str, settings: Settings, folder: Path) -> dg.JobDefinition:
    """Do every chore in `folder` that retention.yaml asks for, and log it."""

    @dg.op
    def clear_away(
        context: dg.OpExecutionContext,
        warehouse: WarehouseResource,
        artifacts: ArtifactsResource,
        registry: RegistryResource,
    ) -> None:
        home = open_home(folder, warehouse, artifacts, registry)
        for chore in all_chores(home, settings, context.instance, pd.Timestamp.now(tz="UTC")):
            chore.do()
            context.log.info(f"Cleared away: {chore.name}, {chore.found}.")

    @dg.job(name=name, description="Clears away what retention.yaml does not keep; compacts the tables' file.")
    def tidy() -> None:
        clear_away()

    return tidy


def open_home(
    folder: Path, warehouse: WarehouseResource, artifacts: ArtifactsResource, registry: RegistryResource
) -> Home:
    """The home in `folder`, whose parts are where the resources say."""
    landing = LandingZone(folder / "raw")
    return Home(folder, warehouse.open(), artifacts.open(), registry.open(), registry.address, landing)


def all_chores(home: Home, settings: Settings, instance: dg.DagsterInstance, now: pd.Timestamp) -> Iterator[Chore]:
    """Those of the home, then those of Dagster's storage, whose ages are told by the machine's clock."""
    yield from chores(home, settings, now)
    policy = settings.retention
    if policy.run_log_days:
        before = now - pd.Timedelta(days=policy.run_log_days)
        if runs := old_logs(instance, before, _runs_on_record(home.registry)):
            yield Chore("step logs", f"of {len(runs)} runs", lambda: remove_logs(instance, runs))
    if policy.tick_days and (old := old_ticks(instance, now - pd.Timedelta(days=policy.tick_days))):
        yield Chore("ticks", f"of {len(old)} schedules and sensors", lambda: purge_ticks(instance, old))


def _runs_on_record(registry: Registry) -> set[str]:
    """The runs that any record of the registry names: whoever asks who did it, and how, reads their logs.

    The audit log has all records of every kind, whatever kinds a release adds.
    """
    return {run for record in registry.audit_log() if (run := json.loads(record.content).get("run_id"))}
