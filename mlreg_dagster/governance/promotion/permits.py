"""Permits: the policy checks within the transaction that moves an alias; and the record of what was refused.

Slow reads come before the transaction. When a permit is needed is in `promotion` and `rollout.control`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.governance.policy.governance import Governance, Judgement
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.governance.policy.judgement import WAIVABLE, Verdict, judge
from mlreg_dagster.registry import Attribution, Dossier, ModelVersion, Permission, Permit, Registry


class PromotionRefused(MlregError):
    """A promotion against the rules; the alias did not move."""


class PromotionHeld(PromotionRefused):
    """A promotion that has to wait: for approvals, the end of a freeze, a better evaluation; the alias did not move."""


@contextmanager
def refusals_on_record(registry: Registry, alias: str, version: ModelVersion, by: Attribution) -> Iterator[None]:
    """Record what is refused within, and by whose request; the error goes on to the caller.

    Args:
        registry: Where it is recorded.
        alias: Which alias was asked for.
        version: For which version.
        by: Who asked, when and why.
    """
    try:
        yield
    except TransientError:
        raise  # nothing was decided; the run tries again
    except MlregError as refused:
        registry.record_refusal(
            alias,
            version,
            "hold" if isinstance(refused, PromotionHeld) else "refuse",
            str(refused),
            replace(by, reason=by.reason or "(none)"),
        )
        raise


def by_policy(
    before: Dossier,
    governance: Governance,
    rules: Rules,
    by: Attribution,
    *,
    as_of: datetime,
    rollback: Mapping[str, Any] | None,
    rollout: int | None = None,
) -> Permit:
    """The permit that asks the policy about a move.

    Args:
        before: The dossier as it is before the transaction, for the slow reads.
        governance: What it is judged by.
        rules: In force.
        by: Who promotes, when and why.
        as_of: When the move takes effect: outcomes that are due later do not count, and the evaluation is that old.
        rollback: What the trial of a former holder found; None: it is none.
        rollout: The number of the rollout that asks; None: none does.
    """
    version = before.version
    changed, worth = governance.changed_hours(version), governance.worth_asked(before, rules, as_of)
    kept = _kept(governance, rollback)
    if rollout is not None:
        kept["rollout"] = rollout

    def permit(dossier: Dossier) -> Permission:
        judgement = governance.consider(
            dossier, rules, by, as_of=as_of, changed_hours=changed, worth=worth, rolled_out=rollout is not None
        )
        if judgement.verdict.outcome != "promote":
            raise not_promoted(version.version, dossier.alias, judgement.verdict)
        return Permission(judgement.evaluation, judgement.evidence(dossier, rules) | kept)

    return permit


def of_former_champion(
    governance: Governance, rules: Rules, by: Attribution, *, rollback: Mapping[str, Any] | None, rollout: int
) -> Permit:
    """The permit by which the version that a rollout was to replace takes an alias again, in any tier without approval.

    Only what no rollback may pass stands in its way: a failed evaluation, and a standing rejection.

    Args:
        governance: What it is judged by.
        rules: In force.
        by: Who goes back, when and why.
        rollback: What its trial found, for the record; None: it gets no traffic, and is not tried.
        rollout: The number of the rollout.
    """
    tier = rules.promotion.of(rules.use_case.risk_tier)

    def permit(dossier: Dossier) -> Permission:
        found = governance.consider(dossier, rules, by, worth=(), rolled_out=True)
        facts = replace(
            found.facts,
            is_rollback=True,
            stranger=None,
            needs_person=None,
            suspended=None,
            missing_gates=(),
            departures=(),
        )
        judgement = Judgement(judge(facts, tier, rules.promotion), found.evaluation, facts)
        if judgement.verdict.outcome != "promote":
            raise not_promoted(dossier.version.version, dossier.alias, judgement.verdict)
        kept = _kept(governance, rollback) | {"rollout": rollout}
        return Permission(judgement.evaluation, judgement.evidence(dossier, rules) | kept)

    return permit


def _kept(governance: Governance, rollback: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is kept beside the judgement: the trial of a former holder, and the hashes of the texts of use_case.yaml."""
    return {
        "rollback": None if rollback is None else dict(rollback),
        "documentation": governance.files.use_case.documented.text_hashes,
    }


def not_promoted(version: str, alias: str, verdict: Verdict) -> PromotionRefused:
    """The error that says why a version does not become the holder, and what to do."""
    reasons = "; ".join(verdict.reasons)
    if verdict.outcome == "refuse":
        return PromotionRefused(f"{version} must not become {alias}: {reasons}. Fix that, or promote another version.")
    return PromotionHeld(
        f"{version} has to wait before it becomes {alias}: {reasons}. `mlreg approve {version}` adds an approval; "
        f"`mlreg waive {version} --rule …` waives {', '.join(WAIVABLE)} for a time."
    )
