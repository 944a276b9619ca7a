"""Approvals, rejections and exceptions as jobs: what is said of a version shows on its evaluated model."""

from typing import Any

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.governance.policy import LIFTABLE
from mlreg_dagster.hours import as_hour
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, audit_head
from mlreg_dagster.orchestration.resources import Clock, RegistryResource, current_actor
from mlreg_dagster.storage.registry import DecisionKind


class DecisionConfig(dg.Config):
    """What is said of which version, and by whom."""

    version: str = Field(description="v7, latest, latest-1, or an alias.")
    reason: str = Field(description="Why; kept for ever.")
    actor: str | None = Field(default=None, description="Who decides; null = MLREG_ACTOR or the system's user.")


class ExceptionConfig(DecisionConfig):
    """What an exception lifts, and until when."""

    lifts: list[str] = Field(description=f"Of {', '.join(LIFTABLE)}.")
    expires_at: str = Field(description="Until when it counts (2017-12-20T00:00, UTC), a whole hour.")


def build_decision_jobs(policy: PromotionSettings) -> list[dg.JobDefinition]:
    """The jobs `approve`, `reject` and `grant_exception`."""
    return [
        _job("approve", "approval", DecisionConfig, policy, "Somebody vouches for a version, its bytes as evaluated."),
        _job(
            "reject", "rejection", DecisionConfig, policy, "Somebody objects: until the same person approves, it stays."
        ),
        _job("grant_exception", "exception", ExceptionConfig, policy, "Something that holds a version up is lifted."),
    ]


def _job(
    name: str, kind: DecisionKind, config_class: type[dg.Config], policy: PromotionSettings, description: str
) -> dg.JobDefinition:
    def record(context: dg.OpExecutionContext, config: Any, registry: RegistryResource, clock: Clock) -> None:
        from mlreg_dagster.governance.decisions import decide, signing_key

        records = registry.open()
        lifted: dict[str, Any] = {}
        if kind == "exception":
            lifted = {"lifts": config.lifts, "expires_at": as_hour(config.expires_at)}
        decision = decide(
            records,
            kind=kind,
            version=config.version,
            reason=config.reason,
            actor=current_actor(config.actor),
            now=clock.now(),
            run_id=context.run.run_id,
            policy=policy,
            key=signing_key(),
            **lifted,
        )
        context.log_event(
            dg.AssetObservation(
                "evaluated_model",
                partition=decision.version,
                description=f"{decision.kind} by {decision.actor}: {decision.reason}",
                metadata={
                    "decision": decision.kind,
                    "by": decision.actor,
                    "reason": decision.reason,
                    "artifact_sha256": decision.artifact_sha256,
                    "evaluation": f"#{decision.evaluation_id}",
                    "lifts": ", ".join(decision.lifts) or "nothing",
                    "signed": decision.signature is not None,
                    AUDIT_HEAD: audit_head(records),
                },
            )
        )

    record.__annotations__["config"] = config_class
    op = dg.op(name=f"record_{kind}")(record)

    @dg.job(name=name, description=description)
    def job() -> None:
        op()

    return job
