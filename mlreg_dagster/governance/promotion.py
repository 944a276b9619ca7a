"""Who may hold an alias: the evidence is read again, for that very version and its bytes, when it moves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlreg_dagster.config import PromotionSettings, UseCaseSettings
from mlreg_dagster.errors import MlregError
from mlreg_dagster.governance.policy import LIFTABLE, Facts, Verdict, evidence_of, facts_of, judge
from mlreg_dagster.models import artifact
from mlreg_dagster.models.artifact import Model
from mlreg_dagster.models.names import NOBODY
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.registry import (
    AliasEvent,
    Decision,
    Dossier,
    Evaluation,
    ModelVersion,
    Permission,
    Registry,
)
from mlreg_dagster.storage.registry.rules import passed_evaluation


class PromotionRefused(MlregError):
    """A promotion against the rules; the alias did not move."""


class PromotionHeld(PromotionRefused):
    """A promotion that has to wait: for approvals, the end of a freeze, a better evaluation; the alias did not move."""


@dataclass(frozen=True)
class Governance:
    """By what promotions are judged.

    Attributes:
        policy: promotion.yaml.
        use_case: use_case.yaml, whose risk tier says which part of the policy applies.
        matured_outcomes: Counts those of a version.
        validate_rollback: Looks whether a former holder still does its work; what it finds is kept, or it raises.
    """

    policy: PromotionSettings
    use_case: UseCaseSettings
    matured_outcomes: Callable[[str], int]
    validate_rollback: Callable[[Model], Mapping[str, Any]]

    def consider(
        self,
        version: ModelVersion,
        evaluation: Evaluation,
        decisions: list[Decision],
        moves: list[AliasEvent],
        *,
        actor: str,
        now: pd.Timestamp,
    ) -> tuple[Facts, Verdict]:
        """What the policy says of a version, and on what facts; the arguments are those of `policy.facts_of`."""
        tier = self.policy.of(self.use_case.risk_tier)
        facts = facts_of(
            version,
            evaluation,
            decisions,
            moves,
            actor=actor,
            now=now,
            tier=tier,
            policy=self.policy,
            matured_outcomes=lambda: self.matured_outcomes(version.version),
        )
        return facts, judge(facts, tier, self.policy)


def promote(
    registry: Registry,
    store: ArtifactStore,
    *,
    version: str,
    alias: str,
    reason: str,
    actor: str,
    effective_at: pd.Timestamp | None,
    expected: str | None,
    now: pd.Timestamp,
    run_id: str | None,
    governance: Governance,
) -> AliasEvent:
    """Move an alias to a version. Rollback is the same, with an older version, which is tried out first.

    Args:
        registry: Where gates, decisions and aliases are recorded; it refuses versions whose gates did not pass.
        store: Where the artifact is; it must be intact and loadable.
        version: `v7`, `latest`, `latest-1` or an alias.
        alias: Which alias.
        reason: Why, for whoever asks later.
        actor: By whose word.
        effective_at: From when it counts; None = from now on. The past only where history is replayed.
        expected: The holder that the caller saw: a version, `nobody`, or None for whoever holds it now.
        now: The current time.
        run_id: The run that promotes.
        governance: By what it is judged.

    Raises:
        PromotionHeld: The policy says to wait; the message says for what.
        PromotionRefused: The policy says no, the reason is too short, or the model may not score yet at `effective_at`.
        RollbackRefused: A former holder no longer does its work.
        ArtifactMissing, ArtifactTampered, UntrustedModel: The artifact can't be used.
        RegistryError: Unknown version, gates not passed, another holder than expected, times out of order.
    """
    asked = governance.policy.min_reason_length
    if len(reason.strip()) < asked:
        raise PromotionRefused(
            f"The reason {reason!r} is too short; promotion.yaml asks for {asked} characters. "
            f"Say why, for whoever asks later."
        )
    if expected is None:
        holder = registry.holder(alias)
        expected = holder.version if holder else NOBODY
    model_version = registry.resolve(version)
    effective_at = now if effective_at is None else effective_at
    model = artifact.load(store, model_version.version, model_version.artifact_sha256)
    if effective_at < model.scores_from:
        raise PromotionRefused(
            f"{model_version.version} may score from {model.scores_from:%Y-%m-%d %H:%M} UTC on, the end of its "
            f"dataset; as {alias} from {effective_at:%Y-%m-%d %H:%M} on it would have known the future."
        )
    held_before = any(move.version == model_version.version for move in registry.history(alias))
    tried_out = dict(governance.validate_rollback(model)) if held_before else None

    def permit(dossier: Dossier) -> Permission:
        evaluation = passed_evaluation(dossier.version.version, dossier.evaluations)
        facts, verdict = governance.consider(
            dossier.version, evaluation, dossier.decisions, dossier.moves, actor=actor, now=now
        )
        if verdict.outcome != "promote":
            raise _not_promoted(dossier.version.version, alias, verdict)
        said = evidence_of(facts, verdict, governance.use_case.risk_tier, governance.policy, governance.use_case.sha256)
        return Permission(evaluation, said | {"rollback": tried_out})

    return registry.move_alias(
        alias,
        model_version.version,
        expected=None if expected == NOBODY else expected,
        effective_at=effective_at,
        now=now,
        actor=actor,
        reason=reason,
        run_id=run_id,
        permit=permit,
    )


def _not_promoted(version: str, alias: str, verdict: Verdict) -> PromotionRefused:
    reasons = "; ".join(verdict.reasons)
    if verdict.outcome == "refuse":
        return PromotionRefused(f"{version} must not become {alias}: {reasons}. Mend that, or promote another version.")
    return PromotionHeld(
        f"{version} has to wait before it becomes {alias}: {reasons}. `mlreg approve {version}` adds an approval; "
        f"`mlreg except {version} --lift …` lifts {', '.join(LIFTABLE)} for a time."
    )
