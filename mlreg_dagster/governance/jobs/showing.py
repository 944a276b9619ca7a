"""Reports on the asset `champion_model` what a job moved, or why it moved nothing."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.people import AUTOMATION
from mlreg_dagster.governance.checks import champion_results
from mlreg_dagster.models.names import CHAMPION, NOBODY
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, audit_head, table_view
from mlreg_dagster.orchestration.resources import ArtifactsResource, Clock, WarehouseResource
from mlreg_dagster.registry import AliasEvent, Registry, TrafficEvent
from mlreg_dagster.registry.records.traffic import of_rollout

REFUSED_TAG = "mlreg/refused"
_ASSET = "champion_model"
_DATA_VERSION_TAG = "dagster/data_version"
_SENSOR_TAG = "dagster/sensor_name"
_TAG_LENGTH = 200


class NotAutomation(MlregError):
    """A run that was not started by a sensor and says that automation acts."""


def require_sensor_for(actor: str, run: dg.DagsterRun) -> None:
    """Refuse a run that says that automation acts and that no sensor started.

    Raises:
        NotAutomation: It is one.
    """
    if actor == AUTOMATION and _SENSOR_TAG not in run.tags:
        raise NotAutomation(f"{AUTOMATION} acts in runs of sensors only. Name the person who requests this.")


def show_refusal(
    context: dg.OpExecutionContext, what: str, alias: str, refused: MlregError, metadata: Mapping[str, Any]
) -> None:
    """Report that an alias did not move, straight to the instance: events of a step that fails are lost.

    Args:
        context: Of the step.
        what: What was requested.
        alias: Which alias.
        refused: Why it did not move.
        metadata: More about the request.
    """
    context.instance.report_runless_asset_event(
        dg.AssetObservation(
            _ASSET,
            description=f"{alias} did not move: {refused}",
            metadata={
                "refused": what,
                "because": str(refused),
                **metadata,
                "run": dg.MetadataValue.dagster_run(context.run.run_id),
            },
        )
    )
    context.instance.add_run_tags(context.run.run_id, {REFUSED_TAG: str(refused)[:_TAG_LENGTH]})


def show_move(
    context: dg.OpExecutionContext,
    records: Registry,
    event: AliasEvent,
    artifacts: ArtifactsResource,
    warehouse: WarehouseResource,
    clock: Clock,
) -> None:
    """Report that an alias moved, with the checks of the champion."""
    champion = records.holder(CHAMPION)
    context.log_event(
        dg.AssetMaterialization(
            _ASSET,
            metadata={"champion": champion.version if champion else NOBODY, **_description_of(event, records, clock)},
            tags={_DATA_VERSION_TAG: champion.artifact_sha256 if champion else NOBODY},
        )
    )
    for result in champion_results(records, artifacts.open(), warehouse.open(), context.instance):
        evaluation: Any = dg.AssetCheckEvaluation(  # taken by log_event, but not named in its type
            asset_key=dg.AssetKey(_ASSET),
            check_name=str(result.check_name),
            passed=result.passed,
            severity=result.severity,
            description=result.description,
            metadata=dict(result.metadata or {}),
        )
        context.log_event(evaluation)


def show_split(context: dg.OpExecutionContext, records: Registry, event: TrafficEvent, clock: Clock) -> None:
    """Report a change of how the traffic of an alias is split."""
    from mlreg_dagster.governance.plots import traffic_timeline
    from mlreg_dagster.governance.rollout.wording import share, split_in_words

    changes = of_rollout(records.traffic_history(event.alias), event.rollout)
    context.log_event(
        dg.AssetObservation(
            _ASSET,
            description=split_in_words(event),
            metadata={
                "rollout": f"{event.candidate} in place of {event.champion} (number {event.rollout})",
                "state": event.state,
                "traffic": share(event),
                "ruling": event.ruling,
                "reason": event.reason,
                "actor": event.actor,
                "facts": dg.MetadataValue.json(event.facts),
                "weights": dg.MetadataValue.md(traffic_timeline(changes, clock.now())),
                AUDIT_HEAD: audit_head(records),
            },
        )
    )


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
    remarks = {name: event.evidence["facts"].get(name) for name in ("departures", "failed_before", "stricter_today")}
    return metadata | {name: "; ".join(texts) for name, texts in remarks.items() if texts}


def _alias_row(event: AliasEvent) -> dict[str, Any]:
    return {
        "alias": event.alias,
        "version": event.version,
        "since": event.effective_at,
        "by": event.actor,
        "reason": event.reason,
    }
