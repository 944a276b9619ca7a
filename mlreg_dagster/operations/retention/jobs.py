"""The jobs of operations: retention, with that of Dagster's own storage; correction of moves; a restored registry."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.config.places import raw_roots
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING
from mlreg_dagster.models.names import CHAMPION, NOBODY
from mlreg_dagster.operations.doctor.materializations import Made, require_agreement
from mlreg_dagster.operations.home import Home
from mlreg_dagster.operations.retention.ages import old_before
from mlreg_dagster.operations.retention.future_hours import set_aside
from mlreg_dagster.operations.retention.task import RetentionTask
from mlreg_dagster.operations.retention.tasks import retention_tasks
from mlreg_dagster.orchestration.instance.audit_anchors import witnessed_heads
from mlreg_dagster.orchestration.instance.cleanup import old_logs, old_ticks, purge_ticks, remove_logs
from mlreg_dagster.orchestration.instance.materialized_hours import (
    lost_hours,
    made_partitions,
    made_versions,
    written_hours,
)
from mlreg_dagster.orchestration.instance.person_events import erased_people
from mlreg_dagster.orchestration.instance.runs import newest_run_time, run_times
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, audit_head
from mlreg_dagster.orchestration.resources import (
    ArtifactsResource,
    Clock,
    RegistryResource,
    WarehouseResource,
    current_actor,
)
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.landing import LandingZone

_LONGEST_PAUSE_OF_RUNS = pd.Timedelta(days=31)  # some users run a home by hand, once a month


class PruneConfig(dg.Config):
    """What is cleared away."""

    future: bool = Field(
        default=False, description="Set aside what is stored for hours after now, in place of what is old."
    )


def build_prune_job(name: str, settings: Settings, folder: Path) -> dg.JobDefinition:
    """Do every task in `folder` that is due by retention.yaml, and log it."""

    @dg.op
    def clear_away(
        context: dg.OpExecutionContext,
        config: PruneConfig,
        mlreg_warehouse: WarehouseResource,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
    ) -> None:
        home = open_home(folder, mlreg_warehouse, mlreg_artifacts, mlreg_registry)
        now = pd.Timestamp.now(tz="UTC")
        for task in all_tasks(home, settings, context.instance, now, context.run_id, config.future):
            task.do()
            context.log.info(f"{'Set aside' if config.future else 'Cleared away'}: {task.name}, {task.found}.")

    @dg.job(name=name, description="Clears away what retention.yaml does not keep; compacts the tables' file.")
    def prune() -> None:
        clear_away()

    return prune


class CorrectConfig(dg.Config):
    """Which alias, and why."""

    alias: str = Field(default=CHAMPION, description="champion, challenger, or another.")
    reason: str = Field(description="Why; kept for ever.")
    actor: str | None = Field(default=None, description="Who decides; null = MLREG_ACTOR or the system's user.")


class RestoreConfig(dg.Config):
    """Why a copy was put back."""

    reason: str = Field(description="Why; kept for ever.")
    actor: str | None = Field(default=None, description="Who put it back; null = MLREG_ACTOR or the system's user.")


def build_correct_job(name: str, settings: Settings) -> dg.JobDefinition:
    """Take back the moves of an alias that lie in the future."""

    @dg.op
    def take_back(
        context: dg.OpExecutionContext, config: CorrectConfig, mlreg_registry: RegistryResource, mlreg_clock: Clock
    ) -> None:
        from mlreg_dagster.governance.decisions.authority import signing_key
        from mlreg_dagster.operations.recovery import correct

        records = mlreg_registry.open()
        moves = correct(
            records,
            config.alias,
            Attribution(records.acting(current_actor(config.actor)), mlreg_clock.now(), config.reason, context.run_id),
            settings.promotion,
            signing_key(),
        )
        holder = records.holder(config.alias)
        for move in moves:
            sentence = f"Move {move.sequence} of {move.alias}, to {move.version}, was taken back: {config.reason}"
            context.log.info(sentence)
        metadata = {"alias": config.alias, "taken_back": len(moves), "holder": holder.version if holder else NOBODY}
        _observe_champion(context, sentence, metadata, records)

    @dg.job(name=name, description="Takes back the moves of an alias that a clock that was ahead recorded after now.")
    def correct_job() -> None:
        take_back()

    return correct_job


def build_restore_job(name: str, settings: Settings) -> dg.JobDefinition:
    """Record that an older copy of the registry was put back."""

    @dg.op
    def record_restore(
        context: dg.OpExecutionContext, config: RestoreConfig, mlreg_registry: RegistryResource, mlreg_clock: Clock
    ) -> None:
        from mlreg_dagster.governance.decisions.authority import signing_key
        from mlreg_dagster.governance.people.restored import erase_again
        from mlreg_dagster.operations.recovery import describe_restore, restore

        records = mlreg_registry.open()
        actor = records.acting(current_actor(config.actor))
        by = Attribution(actor, mlreg_clock.now(), config.reason, context.run_id)
        restored = restore(
            records,
            witnessed_heads(context.instance),
            made_versions(context.instance),
            by,
            settings.promotion,
            signing_key(),
        )
        erase_again(records, erased_people(context.instance), by)
        metadata = {
            "lost": restored.facts["lost"],
            "lost_versions": ", ".join(restored.facts["lost_versions"]) or "none",
        }
        _observe_champion(context, describe_restore(restored), metadata, records)

    @dg.job(name=name, description="Records that an older copy of the registry was put back, and what it lacks.")
    def restore_job() -> None:
        record_restore()

    return restore_job


def _observe_champion(
    context: dg.OpExecutionContext, sentence: str, metadata: dict[str, Any], records: Registry
) -> None:
    witness = {AUDIT_HEAD: audit_head(records)}
    context.log_event(dg.AssetObservation("champion_model", description=sentence, metadata=metadata | witness))


def open_home(
    folder: Path, warehouse: WarehouseResource, artifacts: ArtifactsResource, registry: RegistryResource
) -> Home:
    """The home in `folder`, whose parts are where the resources say."""
    landing = LandingZone(*raw_roots(folder))
    return Home(
        folder, warehouse.open(), artifacts.open(), registry.open(), registry.address, landing, warehouse.mirror()
    )


def all_tasks(
    home: Home,
    settings: Settings,
    instance: dg.DagsterInstance,
    now: pd.Timestamp,
    run_id: str | None = None,
    future: bool = False,
) -> Iterator[RetentionTask]:
    """Those of the home, then those of Dagster's storage; or, with `future`, what is stored for hours after now.

    Args:
        home: Whose tables and payloads.
        settings: The policy.
        instance: Whose step logs and ticks.
        now: The machine's time.
        run_id: The run that does the tasks; what it says of the clock is no evidence.
        future: Whether to set aside what is stored for hours after now, and nothing else.

    Raises:
        ClocksDisagree: The machine's clock, Dagster's event log and the tables disagree.
    """
    if future:
        yield from set_aside(home, settings, now)
        return
    require_agreement(home, settings, made_by_runs(instance, run_id), now)
    yield from retention_tasks(home, settings, now)
    policy = settings.retention
    if before := _old_runs_before(instance, policy.run_log_days, now):
        runs = old_logs(instance, before, _runs_on_record(home.registry))
        if runs:
            yield RetentionTask("step logs", f"of {len(runs)} runs", lambda: remove_logs(instance, runs))
    if before := _old_runs_before(instance, policy.tick_days, now):
        old = old_ticks(instance, before)
        if old:
            yield RetentionTask("ticks", f"of {len(old)} schedules and sensors", lambda: purge_ticks(instance, old))


def made_by_runs(instance: dg.DagsterInstance, but_for: str | None = None) -> Made:
    """What the event log of an instance knows of; `but_for` is the id of a run that does not count as the newest.

    Raises:
        StorageDamaged: It can't be read.
    """
    place = f"Dagster's storage in {instance.root_directory}"

    def lost(asset: str, hours: pd.DatetimeIndex, stored: pd.DatetimeIndex) -> pd.DatetimeIndex:
        with explained(place):
            return lost_hours(instance, asset, hours, stored)

    def written(asset: str) -> pd.DatetimeIndex:
        with explained(place):
            return written_hours(instance, asset)

    with explained(place):
        return Made(
            written,
            lost,
            made_versions(instance),
            {kind: made_partitions(instance, kind) for kind in (TRAINING, HOLDOUT)},
            frozenset(witnessed_heads(instance)),
            newest_run_time(instance, but_for),
            erased_people(instance),
        )


def _old_runs_before(instance: dg.DagsterInstance, days: int | None, now: pd.Timestamp) -> pd.Timestamp | None:
    return old_before(run_times(instance), now, days, _LONGEST_PAUSE_OF_RUNS) if days else None


def _runs_on_record(registry: Registry) -> set[str]:
    """The runs that any record of the registry names: people who ask who did it, and how, read their logs.

    The audit log has all records of every kind, whatever kinds a release adds.
    """
    return {run for record in registry.audit_log() if (run := json.loads(record.content).get("run_id"))}
