"""The job that moves an alias.

It stands outside of the asset `champion_model`: a promotion that is refused fails its run and is shown as an
observation, and leaves the state and the checks of the champion as they are.
"""

from dataclasses import replace

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.core.names import PROMOTE
from mlreg_dagster.governance.jobs.showing import require_sensor_for, show_move, show_refusal
from mlreg_dagster.governance.promotion.request import PromotionRequest, require_reason
from mlreg_dagster.models.names import CHAMPION, NOBODY
from mlreg_dagster.orchestration.instance.audit_anchors import require_intact
from mlreg_dagster.orchestration.resources import (
    ArtifactsResource,
    Clock,
    RegistryResource,
    WarehouseResource,
    current_actor,
)
from mlreg_dagster.orchestration.retries import retried


class PromoteConfig(dg.Config):
    """Which version is to hold which alias, and why. There is no default for either."""

    version: str = Field(description="Required. v7, latest, latest-1, or an alias. Its gates must have passed.")
    reason: str = Field(description="Required. Why this version; kept for ever. A placeholder such as TODO is refused.")
    alias: str = Field(default=CHAMPION, description="champion, challenger, or any other name.")
    actor: str | None = Field(default=None, description="Requested by; null = MLREG_ACTOR or the system's user.")
    effective_at: str | None = Field(
        default=None,
        description="From when it counts (2017-12-20T00:00, UTC); null = now. The past is for replays alone.",
    )
    expected: str | None = Field(
        default=None,
        description="The holder you saw (a version, or nobody): the run fails if another one holds it by then. "
        "null = the holder when this runs.",
    )


def build_promote_job(settings: Settings) -> dg.JobDefinition:
    """The job, whose op is named for the asset that it writes."""

    @dg.op(
        name="champion_model",
        description="Points an alias to a version: gates, approvals and policy in force are read from the registry.",
    )
    @retried
    def champion_model(
        context: dg.OpExecutionContext,
        config: PromoteConfig,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
        mlreg_warehouse: WarehouseResource,
        mlreg_clock: Clock,
    ) -> None:
        from mlreg_dagster.governance.policy.track_record import governance_by
        from mlreg_dagster.governance.promotion.promotion import promote

        records, store = mlreg_registry.open(), mlreg_artifacts.open()
        actor = records.acting(current_actor(config.actor))
        request = PromotionRequest(**config.model_dump() | {"actor": actor})
        try:
            require_reason(request.reason)
            named = replace(request, version=records.resolve(request.version).version)
            context.instance.add_run_tags(context.run.run_id, named.tags)  # also where a person launched it
            require_sensor_for(actor, context.run)
            require_intact(records, context.instance)
            if request.effective_at is not None:
                as_hour(request.effective_at)  # predictions are made by the hour
            governance = governance_by(
                settings, mlreg_warehouse.open(), store, replays_history=mlreg_clock.is_simulated
            )
            event = promote(records, store, governance, request, now=mlreg_clock.now(), run_id=context.run.run_id)
        except TransientError:
            raise
        except MlregError as refused:
            asked = {"requested_by": request.actor, "reason": request.reason}
            show_refusal(context, f"{request.alias} → {request.version}", request.alias, refused, asked)
            raise
        context.log.info(f"{event.alias} is now {event.version} (before: {event.previous_version or NOBODY}).")
        show_move(context, records, event, mlreg_artifacts, mlreg_warehouse, mlreg_clock)

    @dg.job(
        name=PROMOTE,
        description="Point an alias to a version whose gates passed. The config needs a version and a reason; neither "
        "has a default. A rollback is a promotion of an older version.",
    )
    def job() -> None:
        champion_model()

    return job
