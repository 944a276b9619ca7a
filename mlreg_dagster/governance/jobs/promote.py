"""The job that moves an alias.

It stands outside of the asset `champion_model`: a promotion that is refused fails its run and is shown as an
observation, and leaves the state and the checks of the champion as they are.
"""

from dataclasses import replace
from typing import Any

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.core.names import PROMOTE
from mlreg_dagster.core.people import AUTOMATION
from mlreg_dagster.governance.checks import champion_results
from mlreg_dagster.governance.promotion.request import PromotionRequest, require_reason
from mlreg_dagster.models.names import CHAMPION, NOBODY
from mlreg_dagster.orchestration.instance.audit_anchors import require_intact
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, audit_head, table_view
from mlreg_dagster.orchestration.resources import (
    ArtifactsResource,
    Clock,
    RegistryResource,
    WarehouseResource,
    current_actor,
)
from mlreg_dagster.orchestration.retries import retried
from mlreg_dagster.registry import AliasEvent, Registry

REFUSED_TAG = "mlreg/refused"
_DATA_VERSION_TAG = "dagster/data_version"
_SENSOR_TAG = "dagster/sensor_name"
_TAG_LENGTH = 200


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


class NotAutomation(MlregError):
    """A run that was not started by a sensor and says that automation acts."""


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

        records, store, actor = mlreg_registry.open(), mlreg_artifacts.open(), current_actor(config.actor)
        request = PromotionRequest(**config.model_dump() | {"actor": actor})
        try:
            require_reason(request.reason)
            named = replace(request, version=records.resolve(request.version).version)
            context.instance.add_run_tags(context.run.run_id, named.tags)  # also where a person launched it
            if actor == AUTOMATION and _SENSOR_TAG not in context.run.tags:
                raise NotAutomation(f"{AUTOMATION} acts in runs of sensors only. Name the person who requests this.")
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
            _show_refusal(context, request, refused)
            raise
        context.log.info(f"{event.alias} is now {event.version} (before: {event.previous_version or NOBODY}).")
        _show_move(context, records, event, mlreg_artifacts, mlreg_warehouse, mlreg_clock)

    @dg.job(
        name=PROMOTE,
        description="Point an alias to a version whose gates passed. The config needs a version and a reason; neither "
        "has a default. A rollback is a promotion of an older version.",
    )
    def job() -> None:
        champion_model()

    return job


def _show_refusal(context: dg.OpExecutionContext, request: PromotionRequest, refused: MlregError) -> None:
    # reported past the step, which is about to fail and would lose it
    context.instance.report_runless_asset_event(
        dg.AssetObservation(
            "champion_model",
            description=f"{request.alias} did not move: {refused}",
            metadata={
                "refused": f"{request.alias} → {request.version}",
                "because": str(refused),
                "requested_by": request.actor,
                "reason": request.reason,
                "run": dg.MetadataValue.dagster_run(context.run.run_id),
            },
        )
    )
    context.instance.add_run_tags(context.run.run_id, {REFUSED_TAG: str(refused)[:_TAG_LENGTH]})


def _show_move(
    context: dg.OpExecutionContext,
    records: Registry,
    event: AliasEvent,
    artifacts: ArtifactsResource,
    warehouse: WarehouseResource,
    clock: Clock,
) -> None:
    champion = records.holder(CHAMPION)
    context.log_event(
        dg.AssetMaterialization(
            "champion_model",
            metadata={"champion": champion.version if champion else NOBODY, **_description_of(event, records, clock)},
            tags={_DATA_VERSION_TAG: champion.artifact_sha256 if champion else NOBODY},
        )
    )
    for result in champion_results(records, artifacts.open(), warehouse.open(), context.instance):
        evaluation: Any = dg.AssetCheckEvaluation(  # taken by log_event, but not named in its type
            asset_key=dg.AssetKey("champion_model"),
            check_name=str(result.check_name),
            passed=result.passed,
            severity=result.severity,
            description=result.description,
            metadata=dict(result.metadata or {}),
        )
        context.log_event(evaluation)


def _description_of(event: AliasEvent, records: Registry, clock: Clock) -> dict[str, Any]:
    from mlreg_dagster.governance.plots import alias_timeline
    from mlreg_dagster.governance.policy.facts import waived_rules

    metadata: dict[str, Any] = {
        "moved": f"{event.alias}: {event.previous_version or NOBODY} → {event.version}",
        "reason": event.reason,
        "actor": event.actor,
        "effective_at": f"{event.effective_at:%Y-%m-%d %H:%M} UTC",
        "artifact_sha256": event.artifact_sha256,
        "risk_tier": event.evidence["risk_tier"],
        "policy": event.evidence["policy_sha256"],
        "approved_by": ", ".join(event.evidence["facts"]["approved_by"]) or "no approval was needed",
        "waived": ", ".join(waived_rules(event.evidence)) or "nothing",
        AUDIT_HEAD: audit_head(records),
        "aliases": table_view([_alias_row(move) for move in records.aliases().values()]),
        "history": dg.MetadataValue.md(alias_timeline(records.history(event.alias), clock.now())),
    }
    remarks = {name: event.evidence["facts"][name] for name in ("departures", "failed_before")}
    return metadata | {name: "; ".join(texts) for name, texts in remarks.items() if texts}


def _alias_row(event: AliasEvent) -> dict[str, Any]:
    return {
        "alias": event.alias,
        "version": event.version,
        "since": event.effective_at,
        "by": event.actor,
        "reason": event.reason,
    }
