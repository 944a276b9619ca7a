"""The jobs that suspend an alias and resume it; both show on the asset `champion_model`."""

from collections.abc import Callable

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.core.hours import as_time
from mlreg_dagster.core.names import RESUME, SUSPEND
from mlreg_dagster.governance.jobs.showing import require_sensor_for, show_refusal
from mlreg_dagster.governance.promotion.request import require_reason
from mlreg_dagster.governance.suspension.showing import metadata_of, sentence_of
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, audit_head
from mlreg_dagster.orchestration.resources import Clock, RegistryResource, current_actor
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.registry import AlreadySuspended, Attribution, Suspension


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
        said, metadata = sentence_of(change), {**metadata_of(change), AUDIT_HEAD: audit_head(records)}
        context.log.info(said)
        context.log_event(dg.AssetObservation("champion_model", description=said, metadata=metadata))

    @dg.job(name=name, description=description)
    def job() -> None:
        change_suspension()

    return job
