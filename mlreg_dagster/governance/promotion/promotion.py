"""Who may hold an alias: the evidence is read again, for that very version and its bytes, when it moves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.core.people import account_name, checked_text
from mlreg_dagster.governance.policy.facts import evidence_of, facts_of
from mlreg_dagster.governance.policy.in_force import Rules, require_adopted, rules_now
from mlreg_dagster.governance.policy.judgement import LIFTABLE, Facts, Verdict, judge
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.names import NOBODY
from mlreg_dagster.registry import AliasEvent, Dossier, Evaluation, ModelVersion, Permission, Registry
from mlreg_dagster.registry.names import check_alias
from mlreg_dagster.registry.rules import former_holders, passed_evaluation
from mlreg_dagster.storage.artifacts import ArtifactStore


class PromotionRefused(MlregError):
    """A promotion against the rules; the alias did not move."""


class PromotionHeld(PromotionRefused):
    """A promotion that has to wait: for approvals, the end of a freeze, a better evaluation; the alias did not move."""


@dataclass(frozen=True)
class Governance:
    """By what promotions are judged, beside the registry's records.

    Attributes:
        files: What the configuration files ask for; nothing is promoted unless it is in force.
        matured_outcomes: Counts those of a version.
        changed_hours: Counts the hours of its training data that changed since they were frozen; None: not known.
        validate_rollback: Looks whether a former holder still does its work; what it finds is kept, or it raises.
        replays_history: Whether a move may count from the past.
    """

    files: Rules
    matured_outcomes: Callable[[str], int]
    changed_hours: Callable[[ModelVersion], int | None]
    validate_rollback: Callable[[Model], Mapping[str, Any]]
    replays_history: bool = False

    def rules(self, registry: Registry, now: pd.Timestamp) -> Rules:
        """The rules in force; those of the files become the first ones of a registry that has none.

        Raises:
            PolicyNotAdopted: The files ask for others.
        """
        in_force = rules_now(registry, self.files, now)
        require_adopted(in_force, self.files)
        return in_force

    def consider(
        self,
        dossier: Dossier,
        rules: Rules,
        *,
        alias: str,
        actor: str,
        now: pd.Timestamp,
        changed_hours: int | None = None,
    ) -> tuple[Evaluation, Facts, Verdict]:
        """What the policy says of a version, on which evaluation and what facts.

        Raises:
            GatesNotPassed: It was never evaluated, or failed.
        """
        tier = rules.promotion.of(rules.use_case.risk_tier)
        evaluation = passed_evaluation(dossier.version.version, dossier.evaluations, experiments=tier.experiments)
        facts = facts_of(
            dossier,
            alias=alias,
            actor=actor,
            now=now,
            rules=rules,
            evaluation=evaluation,
            matured_outcomes=lambda: self.matured_outcomes(dossier.version.version),
            changed_hours=changed_hours,
        )
        return evaluation, facts, judge(facts, tier, rules.promotion)


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

    A refusal is recorded in the registry, unless what was asked for can't even be written down.

    Args:
        registry: Where gates, decisions, policies and aliases are recorded.
        store: Where the artifact is; it must be intact and loadable.
        version: `v7`, `latest`, `latest-1` or an alias.
        alias: Which alias.
        reason: Why, for people who ask later.
        actor: Who requests it.
        effective_at: From when it counts; None = from now on. The past only where history is replayed.
        expected: The holder that the caller saw: a version, `nobody`, or None for the one of now.
        now: The current time.
        run_id: The run that promotes.
        governance: By what it is judged.

    Raises:
        PromotionHeld: The policy says to wait; the message says for what.
        PromotionRefused: The policy says no, the reason is too short, or the model may not score yet at `effective_at`.
        PolicyNotAdopted: The configuration files ask for another policy than the one in force.
        RollbackRefused: A former holder no longer does its work.
        ArtifactMissing, ArtifactTampered, UntrustedModel: The artifact can't be used.
        NotAName: The actor's name or the reason has a forbidden form.
        RegistryError: Unknown version, gates not passed, another holder than expected, times out of order.
    """
    check_alias(alias)
    actor, reason = account_name(actor), checked_text("reason", reason)
    model_version = registry.resolve(version)
    try:
        return _promote(
            registry,
            store,
            model_version,
            alias=alias,
            reason=reason,
            actor=actor,
            effective_at=effective_at,
            expected=expected,
            now=now,
            run_id=run_id,
            governance=governance,
        )
    except TransientError:
        raise  # nothing was decided; the run tries again
    except MlregError as refused:
        registry.record_refusal(
            alias=alias,
            version=model_version,
            actor=actor,
            reason=reason or "(none)",
            outcome="hold" if isinstance(refused, PromotionHeld) else "refuse",
            because=str(refused),
            recorded_at=now,
            run_id=run_id,
        )
        raise


def _promote(
    registry: Registry,
    store: ArtifactStore,
    model_version: ModelVersion,
    *,
    alias: str,
    reason: str,
    actor: str,
    effective_at: pd.Timestamp | None,
    expected: str | None,
    now: pd.Timestamp,
    run_id: str | None,
    governance: Governance,
) -> AliasEvent:
    rules = governance.rules(registry, now)
    if len(reason.strip()) < rules.promotion.min_reason_length:
        raise PromotionRefused(
            f"The reason {reason!r} is too short; promotion.yaml asks for "
            f"{rules.promotion.min_reason_length} characters. Say why, for people who ask later."
        )
    if (own := registry.move_of_run(run_id, alias, actor, reason)) is not None:
        return own  # this run is tried again, since it did not hear that its move was stored
    if expected is None:
        holder = registry.holder(alias)
        expected = holder.version if holder else NOBODY
    effective_at = now if effective_at is None else effective_at
    if effective_at < now and not governance.replays_history:
        raise PromotionRefused(
            f"{alias} can't move as of {effective_at:%Y-%m-%d %H:%M} UTC: that is in the past, where only a "
            f"replay of history writes. Leave the time out."
        )
    model = artifact.load(store, model_version.version, model_version.artifact_sha256)
    if effective_at < model.scores_from:
        raise PromotionRefused(
            f"{model_version.version} may score from {model.scores_from:%Y-%m-%d %H:%M} UTC on, the end of its "
            f"dataset; as {alias} from {effective_at:%Y-%m-%d %H:%M} on it would have known the future."
        )
    is_rollback = model_version.version in former_holders(registry.history(alias))
    tried_out = dict(governance.validate_rollback(model)) if is_rollback else None

    changed = governance.changed_hours(model_version)

    def permit(dossier: Dossier) -> Permission:
        evaluation, facts, verdict = governance.consider(
            dossier, rules, alias=alias, actor=actor, now=now, changed_hours=changed
        )
        if verdict.outcome != "promote":
            raise _not_promoted(model_version.version, alias, verdict)
        digest = dossier.policy.content_sha256 if dossier.policy else None
        return Permission(evaluation, evidence_of(facts, verdict, rules, digest) | {"rollback": tried_out})

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
        return PromotionRefused(f"{version} must not become {alias}: {reasons}. Fix that, or promote another version.")
    return PromotionHeld(
        f"{version} has to wait before it becomes {alias}: {reasons}. `mlreg approve {version}` adds an approval; "
        f"`mlreg except {version} --lift …` lifts {', '.join(LIFTABLE)} for a time."
    )
