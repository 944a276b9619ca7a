"""What registry and policy say of the next state of a rollout: is the candidate still valid, approved, and let on?

The permits that are asked when an alias moves stand in `promotion.permits`; both judge by the same rules.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from mlreg_dagster.config import PromotionSettings, RolloutPolicy
from mlreg_dagster.config.sections.governance import TierPolicy
from mlreg_dagster.governance.decisions import counting
from mlreg_dagster.governance.policy.facts import suspension_in
from mlreg_dagster.governance.policy.governance import Governance, Judgement
from mlreg_dagster.governance.policy.in_force import Rules, differences, rules_now
from mlreg_dagster.governance.policy.judgement import FREEZE, Facts, judge
from mlreg_dagster.governance.rollout.facts import Permission, approvals_asked
from mlreg_dagster.governance.rollout.states import SHADOWED, ABTest, State, following
from mlreg_dagster.models.artifacts.files import MODELS
from mlreg_dagster.models.names import CHALLENGER
from mlreg_dagster.registry import Attribution, Dossier, GatesNotPassed, Registry, TrafficEvent
from mlreg_dagster.registry.records.traffic import WHOLE
from mlreg_dagster.storage.artifacts import ArtifactMissing, ArtifactStore, ArtifactTampered


def permission_for(
    registry: Registry,
    governance: Governance,
    rows: Sequence[TrafficEvent],
    policy: RolloutPolicy,
    now: datetime,
    store: ArtifactStore | None,
    *,
    as_of: datetime,
) -> Permission:
    """Read what the next change of a rollout may be.

    Args:
        registry: Where evaluations, decisions and aliases are.
        governance: What versions are judged by.
        rows: The changes of the rollout, the opening first.
        policy: Of the rollout.
        now: The current time.
        store: Where the candidate's bundle has to be; None: it is not looked at.
        as_of: Outcomes that fell due later do not count.
    """
    event, state = rows[-1], cast(State, rows[-1].state)
    rules = rules_now(registry, governance.files, now)
    dossier = registry.dossier(event.candidate, event.alias)
    by = promoter(rows, now)
    ab = ABTest.of(rows[0].facts) is not None
    asked = approvals_asked(state, policy, ab=ab)
    approved = _approved_since(dossier, rules.promotion, rows[0], now)
    try:
        found = governance.consider(dossier, rules, by, worth=(), rolled_out=True)
    except GatesNotPassed as error:
        return Permission(str(error), (), approved, asked, False)
    invalid = _invalid(registry, rows, found, store)
    freeze = frozen(found.facts)
    blocked = _of_files(rules, governance.files) + ([f"nothing moves now: {freeze}"] if freeze else [])
    suspended = suspension_in(dossier)
    blocked += [suspended] if suspended else []
    after, tier_approved = following(state, policy.steps, ab=ab), True
    if after == "full":
        worth = governance.worth_asked(dossier, rules, as_of)
        judged = governance.consider(dossier, rules, by, worth=worth, rolled_out=True)
        waiting, tier_approved = _waiting(judged, rules)
        blocked += waiting
    elif after in SHADOWED and not holds(registry, CHALLENGER, event.candidate):
        of_challenger = registry.dossier(event.candidate, CHALLENGER)
        waiting, tier_approved = _waiting(governance.consider(of_challenger, rules, by, rolled_out=True), rules)
        blocked += waiting
    return Permission(
        invalid, tuple(dict.fromkeys(blocked)), approved, asked, tier_approved, suspended=suspended is not None
    )


def promoter(rows: Sequence[TrafficEvent], now: datetime) -> Attribution:
    """Who requests the promotions of a rollout: the person who opened it, although automation makes its steps."""
    return Attribution(rows[0].actor, now, rows[0].reason)


def holds(registry: Registry, alias: str, version: str) -> bool:
    """Whether a version holds an alias."""
    holder = registry.holder(alias)
    return holder is not None and holder.version == version


def frozen(facts: Facts) -> str | None:
    """The freeze that a rollout waits for; None where there is none, it is waived, or the rollout leads back."""
    return None if facts.is_rollback or FREEZE in (facts.waived or {}) else facts.frozen


def unpaired(registry: Registry, governance: Governance, rows: Sequence[TrafficEvent], now: datetime) -> bool:
    """Whether the former champion should score beside a candidate that has all traffic, does not yet, and may."""
    if not rows or rows[-1].weight < WHOLE or not rows[-1].is_open:
        return False
    event = rows[-1]
    if holds(registry, CHALLENGER, event.champion):
        return False
    rules = rules_now(registry, governance.files, now)
    try:
        found = governance.consider(
            registry.dossier(event.champion, CHALLENGER), rules, promoter(rows, now), rolled_out=True
        )
    except GatesNotPassed:
        return False
    return not (found.facts.rejected_by or found.facts.suspended)


def _approved_since(
    dossier: Dossier, policy: PromotionSettings, opened: TrafficEvent, now: datetime
) -> tuple[str, ...]:
    """People whose last decision is an approval that counts, given since the rollout was opened."""
    counting_evaluations = [each for each in dossier.evaluations if not each.is_experiment]
    evaluation = counting_evaluations[-1] if counting_evaluations else None
    last = counting.standing(counting.counted_decisions(dossier, policy, now), policy)
    return tuple(
        name
        for name, each in last.items()
        if each.kind == "approval" and each.recorded_at >= opened.recorded_at
        if counting.objection_to_approval(each, dossier.version, evaluation, opened.actor, policy) is None
    )


def _invalid(
    registry: Registry, rows: Sequence[TrafficEvent], found: Judgement, store: ArtifactStore | None
) -> str | None:
    """Why the candidate may not serve any more; None if it may."""
    event = rows[-1]
    if found.facts.rejected_by:
        return f"{event.candidate} is rejected by {'; '.join(found.facts.rejected_by)}."
    wanted = event.candidate if event.weight == WHOLE else event.champion
    if not holds(registry, event.alias, wanted):
        holder = registry.holder(event.alias)
        return f"{event.alias} has moved to {holder.version if holder else 'no version'}, away from {wanted}."
    if store is None:
        return None
    try:
        store.read(MODELS, event.candidate, event.candidate_sha256)
    except (ArtifactMissing, ArtifactTampered) as error:
        return str(error)
    return None


def _of_files(in_force: Rules, files: Rules) -> list[str]:
    changed = differences(in_force, files)
    return ["the configuration files ask for another policy than the one in force (`mlreg policy`)"] if changed else []


def _waiting(judged: Judgement, rules: Rules) -> tuple[list[str], bool]:
    """What the policy waits for beside approvals, and whether those are there."""
    tier = rules.promotion.of(rules.use_case.risk_tier)
    without: TierPolicy = tier.model_copy(update={"approvals": 0, "roles": ()})
    others = judge(judged.facts, without, rules.promotion)
    return list(others.reasons), judged.verdict.reasons == others.reasons
