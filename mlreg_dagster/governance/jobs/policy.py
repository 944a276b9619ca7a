"""Changes of the policy in force as jobs: each shows on the champion, which is promoted by it."""

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.core.names import ADOPT_POLICY, APPROVE_POLICY
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, audit_head
from mlreg_dagster.orchestration.resources import Clock, RegistryResource, current_actor
from mlreg_dagster.registry import Attribution


class ChangeConfig(dg.Config):
    """Who puts the configuration files in force, and why."""

    reason: str = Field(description="Why; kept for ever.")
    actor: str | None = Field(default=None, description="Who decides; null = MLREG_ACTOR or the system's user.")


def build_policy_jobs(settings: Settings) -> list[dg.JobDefinition]:
    """The jobs `approve_policy` and `adopt_policy`."""
    return [
        _job(APPROVE_POLICY, settings, "A person approves that the configuration files come into force."),
        _job(ADOPT_POLICY, settings, "Puts promotion.yaml, use_case.yaml and evaluation.yaml in force."),
    ]


def _job(name: str, settings: Settings, description: str) -> dg.JobDefinition:
    def record(
        context: dg.OpExecutionContext, config: ChangeConfig, mlreg_registry: RegistryResource, mlreg_clock: Clock
    ) -> None:
        from mlreg_dagster.governance.decisions.authority import signing_key
        from mlreg_dagster.governance.policy.adoption import adopt, approve_change
        from mlreg_dagster.governance.policy.in_force import rules_of

        records = mlreg_registry.open()
        actor = records.acting(current_actor(config.actor))
        by = Attribution(actor, mlreg_clock.now(), config.reason, context.run.run_id)
        what = "approved" if name == APPROVE_POLICY else "adopted"
        change = approve_change if name == APPROVE_POLICY else adopt
        done = change(records, rules_of(settings), by, signing_key())
        context.log_event(
            dg.AssetObservation(
                "champion_model",
                description=f"policy {done.content_sha256[:12]} {what} by {done.actor}: {done.reason}",
                metadata={
                    "policy": done.content_sha256,
                    "instead_of": done.previous_sha256 or "none",
                    "by": done.actor,
                    "reason": done.reason,
                    "signed": done.signature is not None,
                    AUDIT_HEAD: audit_head(records),
                },
            )
        )

    op = dg.op(name=f"record_{name}")(record)

    @dg.job(name=name, description=description)
    def job() -> None:
        op()

    return job
