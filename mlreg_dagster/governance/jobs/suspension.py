"""The jobs that suspend an alias and resume it, and how both show on the asset `champion_model`."""

from collections.abc import Callable
from typing import Any

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.core.hours import as_time
from mlreg_dagster.core.names import RESUME, SUSPEND
from mlreg_dagster.governance.jobs.showing import require_sensor_for, show_refusal
from mlreg_dagster.governance.promotion.request import require_reason
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, audit_head
from mlreg_dagster.orchestration.resources import Clock, RegistryResource, current_actor
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.registry import AlreadySuspended, Attribution, Registry, Suspension

_ASSET = "champion_model"


class SuspensionConfig(dg.Config):
    """Which alias is suspended or resumed, by whom and why."""

    reason: str = Field(description="Required. Why; kept for ever. A placeholder such as TODO is refused.")
    alias: str = Field(default=CHAMPION, description="champion, challenger, or any other name.")
    actor: str | None = Field(default=None, description="Requested by; null = MLREG_ACTOR or the system's user.")
    effective_at: str | None = Field(
        default=None,
        description="From when it counts (2017-12-20T00:00, UTC); null = now. The past is for replays alone.",
    )


def build_suspension_jobs(settings: Settings) -> list[dg.JobDefinition]:
    """The jobs `suspend_job` and `resume_job`."""
    from mlreg_dagster.governance.suspension.suspending import resume, suspend

    return [
        _job(
            SUSPEND,
            "suspend",
            suspend,
            settings,
            "Stop the holder of an alias: no hour is scored, servers answer 503, nothing is promoted. It needs a "
            "reason and no approval; `mlreg suspend` does the same sooner.",
        ),
        _job(RESUME, "resume", resume, settings, "Let the holder of a suspended alias score again."),
    ]


def _job(name: str, verb: str, do: Callable[..., Suspension], settings: Settings, description: str) -> dg.JobDefinition:
    @dg.op(name=verb)
    @retried
    def change_suspension(
        context: dg.OpExecutionContext, config: SuspensionConfig, mlreg_registry: RegistryResource, mlreg_clock: Clock
    ) -> None:
        from mlreg_dagster.governance.decisions.authority import signing_key
        from mlreg_dagster.governance.suspension.suspending import Authority, policy_in_force

        records, now = mlreg_registry.open(), mlreg_clock.now()
        actor = records.acting(current_actor(config.actor))
        by = Attribution(actor, now, config.reason, context.run.run_id)
        try:
            require_reason(config.reason)
            require_sensor_for(actor, context.run)
            policy = policy_in_force(records, lambda: settings.promotion)
            since = None if config.effective_at is None else as_time(config.effective_at)
            change = do(records, config.alias, by, Authority(policy, signing_key(), mlreg_clock.is_simulated), since)
        except TransientError:
            raise
        except AlreadySuspended as already:
            context.log.warning(str(already))
            return
        except MlregError as refused:
            asked = {"requested_by": actor, "reason": config.reason}
            show_refusal(context, f"{verb} {config.alias}", config.alias, refused, asked)
            raise
        context.log.info(_sentence(change))
        context.log_event(_observation(records, change))

    @dg.job(name=name, description=description)
    def job() -> None:
        change_suspension()

    return job


def show_without_run(records: Registry, change: Suspension) -> None:
    """Leave the change, and the head of the audit log, in the event log of the instance that DAGSTER_HOME names."""
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(_observation(records, change))


def _observation(records: Registry, change: Suspension) -> dg.AssetObservation:
    metadata: dict[str, Any] = {
        "alias": change.alias,
        "event": change.event,
        "version": change.version,
        "artifact_sha256": change.artifact_sha256,
        "reason": change.reason,
        "actor": change.actor,
        "effective_at": f"{change.effective_at:%Y-%m-%d %H:%M:%S} UTC",
        "signed": change.signature is not None,
        "facts": dg.MetadataValue.json(change.facts),
        AUDIT_HEAD: audit_head(records),
    }
    return dg.AssetObservation(_ASSET, description=_sentence(change), metadata=metadata)


def _sentence(change: Suspension) -> str:
    return change.in_words if change.is_suspended else f"{change.alias} is resumed by {change.actor}: {change.reason}"
