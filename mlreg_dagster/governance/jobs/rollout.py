"""The job that starts a rollout, moves it on or back, pauses it and ends it.

What the decision table says is worked out again within the run; a request that is out of date moves nothing.
"""

from dataclasses import replace
from pathlib import Path

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.core.names import ROLLOUT
from mlreg_dagster.governance.jobs.showing import require_sensor_for, show_move, show_refusal, show_split
from mlreg_dagster.governance.rollout.request import ACTIONS, OP, RolloutAction
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.orchestration.instance.audit_anchors import require_intact
from mlreg_dagster.orchestration.resources import (
    ArtifactsResource,
    Clock,
    RegistryResource,
    WarehouseResource,
    current_actor,
)
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.registry import AliasEvent, Registry


class RolloutConfig(dg.Config):
    """What is to happen to the rollout of an alias."""

    action: str = Field(description=f"Required. {', '.join(ACTIONS)}.")
    version: str | None = Field(default=None, description="To start: v7, latest or an alias. Else null.")
    reason: str | None = Field(
        default=None, description="Why; kept for ever. Required but for `step`, which has a reason of its own."
    )
    alias: str = Field(default=CHAMPION, description="Whose traffic it is.")
    actor: str | None = Field(default=None, description="Requested by; null = MLREG_ACTOR or the system's user.")
    expected: str | None = Field(
        default=None,
        description="To start: the holder you saw. Else: the number of the newest change you saw. The run fails if it "
        "is another one by then. null = the one when this runs.",
    )
    effective_at: str | None = Field(
        default=None,
        description="From when a start or a step counts (2017-12-20T00:00, UTC); null = now. The past is for replays.",
    )
    ab_weight: float | None = Field(
        default=None,
        description="To start an A/B test, which leaves the alias: the candidate's share of the traffic, in per cent.",
    )
    ab_days: int | None = Field(default=None, description="With ab_weight: after how many days it ends.")


def build_rollout_job(settings: Settings, home: Path) -> dg.JobDefinition:
    """The job.

    Args:
        settings: By which it is judged.
        home: Where servers count what they answer.
    """

    @dg.op(name=OP, description="Changes how the traffic of an alias is split, if policy and decision table allow it.")
    @retried
    def traffic(
        context: dg.OpExecutionContext,
        config: RolloutConfig,
        mlreg_artifacts: ArtifactsResource,
        mlreg_registry: RegistryResource,
        mlreg_warehouse: WarehouseResource,
        mlreg_clock: Clock,
    ) -> None:
        from mlreg_dagster.governance.policy.track_record import governance_by
        from mlreg_dagster.governance.rollout.running import Place, perform

        records, store, tables = mlreg_registry.open(), mlreg_artifacts.open(), mlreg_warehouse.open()
        request = RolloutAction(**config.model_dump() | {"actor": records.acting(current_actor(config.actor))})
        try:
            request = _named(records, request.checked())
            newest = records.traffic(request.alias)
            context.instance.add_run_tags(context.run.run_id, request.tags(newest.candidate if newest else None))
            require_sensor_for(request.actor, context.run)
            require_intact(records, context.instance)
            governance = governance_by(settings, tables, store, replays_history=mlreg_clock.is_simulated)
            place = Place(records, store, tables, home, settings, governance)
            event = perform(place, request, now=mlreg_clock.now(), run_id=context.run.run_id)
        except TransientError:
            raise
        except MlregError as refused:
            what = f"{request.action} of a rollout{f' of {request.version}' if request.version else ''}"
            asked = {"requested_by": request.actor, "reason": request.reason or "the decision table"}
            show_refusal(context, what, request.alias, refused, asked)
            raise
        for move in _moves_of(records, context.run.run_id):
            show_move(context, records, move, mlreg_artifacts, mlreg_warehouse, mlreg_clock)
        if event is None:
            context.log.info("The traffic stays as it is: the decision table holds. `mlreg rollout status` says why.")
            return
        context.log.info(f"{event.alias}: {event.ruling}, now {event.state}. {event.reason}")
        show_split(context, records, event, mlreg_clock)

    @dg.job(
        name=ROLLOUT,
        description="Bring a version into serving step by step: start, pause, resume or abort its rollout. The sensor "
        "asks for each further step, forward or back; the config needs an action and, but for a step, a reason.",
    )
    def job() -> None:
        traffic()

    return job


def _moves_of(records: Registry, run_id: str) -> list[AliasEvent]:
    """The moves of aliases that a run has made, in their order."""
    moves = [move for alias in records.aliases() for move in records.recorded_moves(alias)]
    return sorted((move for move in moves if move.run_id == run_id), key=lambda move: move.id)


def _named(records: Registry, request: RolloutAction) -> RolloutAction:
    """With the version that was meant."""
    if request.version is None:
        return request
    return replace(request, version=records.resolve(request.version).version)
