"""Changes of the policy in force as jobs: each shows on the champion, which is let in by it."""

from typing import Any

import dagster as dg
from pydantic import Field

from mlreg_dagster.config import Settings
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, audit_head
from mlreg_dagster.orchestration.resources import Clock, RegistryResource, current_actor


class ChangeConfig(dg.Config):
    """Who wants what the configuration files say to be in force, and why."""

    reason: str = Field(description="Why; kept for ever.")
    actor: str | None = Field(default=None, description="Who decides; null = MLREG_ACTOR or the system's user.")


def build_policy_jobs(settings: Settings) -> list[dg.JobDefinition]:
    """The jobs `approve_policy` and `adopt_policy`."""
    return [
        _job("approve_policy", settings, "A person approves that the configuration files come into force."),
        _job("adopt_policy", settings, "Puts promotion.yaml, use_case.yaml and evaluation.yaml in force."),
    ]


def _job(name: str, settings: Settings, description: str) -> dg.JobDefinition:
    def change(
        context: dg.OpExecutionContext, config: ChangeConfig, mlreg_registry: RegistryResource, mlreg_clock: Clock
    ) -> None:
        from mlreg_dagster.governance.decisions.decide import signing_key
        from mlreg_dagster.governance.policy.adoption import adopt, approve_change
        from mlreg_dagster.governance.policy.in_force import rules_of

        records = mlreg_registry.open()
        how: dict[str, Any] = {
            "reason": config.reason,
            "actor": current_actor(config.actor),
            "now": mlreg_clock.now(),
            "run_id": context.run.run_id,
            "key": signing_key(),
        }
        what = "approved" if name == "approve_policy" else "adopted"
        done = (approve_change if name == "approve_policy" else adopt)(records, rules_of(settings), **how)
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

    op = dg.op(name=f"record_{name}")(change)

    @dg.job(name=name, description=description)
    def job() -> None:
        op()

    return job
