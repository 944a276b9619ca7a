"""Approvals, rejections, waivers and withdrawals as jobs: each shows on the version's evaluated model."""

from typing import Any

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.core.names import APPROVE, REJECT, WAIVE, WITHDRAW
from mlreg_dagster.governance.policy.judgement import WAIVABLE
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, audit_head
from mlreg_dagster.orchestration.resources import Clock, RegistryResource, current_actor
from mlreg_dagster.registry import WAIVER, Attribution, Decision, DecisionKind, Registry


class DecisionConfig(dg.Config):
    """A decision about a version, and who decides."""

    version: str = Field(description="v7, latest, latest-1, or an alias.")
    reason: str = Field(description="Why; kept for ever.")
    actor: str | None = Field(default=None, description="Who decides; null = MLREG_ACTOR or the system's user.")


class WaiverConfig(DecisionConfig):
    """The rules that a waiver waives, and until when."""

    waives: list[str] = Field(default=[], description=f"Of {', '.join(WAIVABLE)}.")
    lifts: list[str] = Field(default=[], description="The old name of `waives`, which is still read.")
    expires_at: str = Field(description="Until when it counts (2017-12-20T00:00, UTC), a whole hour.")


class WithdrawalConfig(dg.Config):
    """Which decision is taken back, and who takes it back."""

    decision: int = Field(description="Its number; `mlreg decisions VERSION` lists them.")
    reason: str = Field(description="Why; kept for ever.")
    actor: str | None = Field(default=None, description="Who takes it back; null = MLREG_ACTOR or the system's user.")


def build_decision_jobs(settings: Settings) -> list[dg.JobDefinition]:
    """The jobs `approve`, `reject`, `grant_exception` and `withdraw`."""
    return [
        _job(APPROVE, "approval", DecisionConfig, settings, "A person approves a version, its bytes as evaluated."),
        _job(REJECT, "rejection", DecisionConfig, settings, "A person rejects a version, until they approve it."),
        _job(
            WAIVE,
            WAIVER,
            WaiverConfig,
            settings,
            "A person waives rules for a version, for a time.",
        ),
        _withdraw_job(settings),
    ]


def _job(
    name: str, kind: DecisionKind, config_class: type[dg.Config], settings: Settings, description: str
) -> dg.JobDefinition:
    def record(
        context: dg.OpExecutionContext, config: Any, mlreg_registry: RegistryResource, mlreg_clock: Clock
    ) -> None:
        from mlreg_dagster.governance.decisions.authority import signing_key
        from mlreg_dagster.governance.decisions.decide import DecisionRequest, decide
        from mlreg_dagster.governance.policy.in_force import rules_now, rules_of

        records = mlreg_registry.open()
        in_force = rules_now(records, rules_of(settings), mlreg_clock.now())
        request = DecisionRequest(kind, config.version)
        if kind == WAIVER:
            rules = tuple(dict.fromkeys((*config.waives, *config.lifts)))
            request = DecisionRequest(kind, config.version, rules, as_hour(config.expires_at))
        actor = records.acting(current_actor(config.actor))
        by = Attribution(actor, mlreg_clock.now(), config.reason, context.run.run_id)
        decision = decide(records, request, by, in_force.promotion, signing_key())
        _show(context, records, decision, f"{decision.title} by {decision.actor}: {decision.reason}", {})

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
        from mlreg_dagster.governance.decisions.authority import signing_key
        from mlreg_dagster.governance.decisions.decide import withdraw
        from mlreg_dagster.governance.policy.in_force import rules_now, rules_of

        records = mlreg_registry.open()
        in_force = rules_now(records, rules_of(settings), mlreg_clock.now())
        actor = records.acting(current_actor(config.actor))
        by = Attribution(actor, mlreg_clock.now(), config.reason, context.run.run_id)
        withdrawal = withdraw(records, config.decision, by, in_force.promotion, signing_key())
        decision = records.decision(withdrawal.decision_id)
        sentence = f"{decision.title} by {decision.actor} withdrawn by {withdrawal.actor}: {withdrawal.reason}"
        _show(context, records, decision, sentence, {"withdrawn_by": withdrawal.actor, "why": withdrawal.reason})

    @dg.job(name=WITHDRAW, description="A person takes a decision back: their own, or any waiver.")
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
                "decision": decision.title,
                "number": f"#{decision.id}",
                "by": decision.actor,
                "reason": decision.reason,
                "artifact_sha256": decision.artifact_sha256,
                "evaluation": f"#{decision.evaluation_id}",
                "waives": ", ".join(decision.waives) or "nothing",
                "signed": decision.signature is not None,
                **more,
                AUDIT_HEAD: audit_head(records),
            },
        )
    )
