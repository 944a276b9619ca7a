"""Approvals, rejections, waivers and withdrawals as jobs: each shows on the version's evaluated model."""

from typing import Any

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.governance.policy.judgement import LIFTABLE
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, audit_head
from mlreg_dagster.orchestration.resources import Clock, RegistryResource, current_actor
from mlreg_dagster.registry import Decision, DecisionKind, Registry


class DecisionConfig(dg.Config):
    """What is decided about which version, and by whom."""

    version: str = Field(description="v7, latest, latest-1, or an alias.")
    reason: str = Field(description="Why; kept for ever.")
    actor: str | None = Field(default=None, description="Who decides; null = MLREG_ACTOR or the system's user.")


class ExceptionConfig(DecisionConfig):
    """What a waiver lifts, and until when."""

    lifts: list[str] = Field(description=f"Of {', '.join(LIFTABLE)}.")
    expires_at: str = Field(description="Until when it counts (2017-12-20T00:00, UTC), a whole hour.")


class WithdrawalConfig(dg.Config):
    """Which decision is taken back, and by whom."""

    decision: int = Field(description="Its number; `mlreg decisions VERSION` lists them.")
    reason: str = Field(description="Why; kept for ever.")
    actor: str | None = Field(default=None, description="Who takes it back; null = MLREG_ACTOR or the system's user.")


def build_decision_jobs(settings: Settings) -> list[dg.JobDefinition]:
    """The jobs `approve`, `reject`, `grant_exception` and `withdraw`."""
    return [
        _job("approve", "approval", DecisionConfig, settings, "A person approves a version, its bytes as evaluated."),
        _job("reject", "rejection", DecisionConfig, settings, "A person rejects a version, until they approve it."),
        _job(
            "grant_exception",
            "exception",
            ExceptionConfig,
            settings,
            "A person waives, for a time, what holds a version up.",
        ),
        _withdraw_job(settings),
    ]


def _job(
    name: str, kind: DecisionKind, config_class: type[dg.Config], settings: Settings, description: str
) -> dg.JobDefinition:
    def record(
        context: dg.OpExecutionContext, config: Any, mlreg_registry: RegistryResource, mlreg_clock: Clock
    ) -> None:
        from mlreg_dagster.governance.decisions.decide import decide, signing_key
        from mlreg_dagster.governance.policy.in_force import rules_now, rules_of

        records = mlreg_registry.open()
        in_force = rules_now(records, rules_of(settings), mlreg_clock.now())
        lifted: dict[str, Any] = {}
        if kind == "exception":
            lifted = {"lifts": config.lifts, "expires_at": as_hour(config.expires_at)}
        decision = decide(
            records,
            kind=kind,
            version=config.version,
            reason=config.reason,
            actor=current_actor(config.actor),
            now=mlreg_clock.now(),
            run_id=context.run.run_id,
            policy=in_force.promotion,
            key=signing_key(),
            **lifted,
        )
        _show(context, records, decision, f"{decision.kind} by {decision.actor}: {decision.reason}", {})

    record.__annotations__["config"] = config_class
    op = dg.op(name=f"record_{kind}")(record)

    @dg.job(name=name, description=description)
    def job() -> None:
        op()

    return job


def _withdraw_job(settings: Settings) -> dg.JobDefinition:
    @dg.op
    def record_withdrawal(
        context: dg.OpExecutionContext, config: WithdrawalConfig, mlreg_registry: RegistryResource, mlreg_clock: Clock
    ) -> None:
        from mlreg_dagster.governance.decisions.decide import signing_key, withdraw
        from mlreg_dagster.governance.policy.in_force import rules_now, rules_of

        records = mlreg_registry.open()
        in_force = rules_now(records, rules_of(settings), mlreg_clock.now())
        withdrawal = withdraw(
            records,
            config.decision,
            reason=config.reason,
            actor=current_actor(config.actor),
            now=mlreg_clock.now(),
            run_id=context.run.run_id,
            policy=in_force.promotion,
            key=signing_key(),
        )
        decision = records.decision(withdrawal.decision_id)
        said = f"{decision.kind} by {decision.actor} withdrawn by {withdrawal.actor}: {withdrawal.reason}"
        _show(context, records, decision, said, {"withdrawn_by": withdrawal.actor, "why": withdrawal.reason})

    @dg.job(name="withdraw", description="A person takes a decision back: their own, or any waiver.")
    def job() -> None:
        record_withdrawal()

    return job


def _show(
    context: dg.OpExecutionContext, records: Registry, decision: Decision, description: str, more: dict[str, Any]
) -> None:
    context.log_event(
        dg.AssetObservation(
            "evaluated_model",
            partition=decision.version,
            description=description,
            metadata={
                "decision": decision.kind,
                "number": f"#{decision.id}",
                "by": decision.actor,
                "reason": decision.reason,
                "artifact_sha256": decision.artifact_sha256,
                "evaluation": f"#{decision.evaluation_id}",
                "lifts": ", ".join(decision.lifts) or "nothing",
                "signed": decision.signature is not None,
                **more,
                AUDIT_HEAD: audit_head(records),
            },
        )
    )
