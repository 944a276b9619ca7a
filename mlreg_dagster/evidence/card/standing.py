"""The people whose approvals count now, by the policy in force, for a version that holds an alias."""

from dataclasses import dataclass
from datetime import datetime

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.governance.decisions import counting
from mlreg_dagster.governance.policy.facts import approvals_of
from mlreg_dagster.registry import AliasEvent, Registry


@dataclass(frozen=True)
class Standing:
    """Approvals, as they count now.

    Attributes:
        approved: Whose count.
        roles: Which roles these have among them.
        not_counted: Whose do not, and why.
    """

    approved: tuple[str, ...]
    roles: tuple[str, ...]
    not_counted: tuple[str, ...]


def standing_of(registry: Registry, move: AliasEvent, policy: PromotionSettings, now: datetime) -> Standing:
    """The approvals of the evaluation by which a version holds an alias, and of its latest one.

    Args:
        registry: Where they are recorded.
        move: By which it holds the alias; who made it can't approve it.
        policy: In force.
        now: The current time.
    """
    dossier = registry.dossier(move.version, move.alias)
    counted = counting.counted_decisions(dossier, policy, now)
    latest = [each for each in dossier.evaluations if not each.is_experiment][-1:]
    approved: set[str] = set()
    ignored: list[str] = []
    for evaluation in (*(each for each in dossier.evaluations if each.id == move.evaluation_id), *latest):
        names, ignored, _ = approvals_of(counted, dossier, evaluation, move.actor, policy)
        approved |= set(names)
    left_out = [*counting.not_counted(dossier, counted, "approval"), *ignored]
    not_counted = tuple(each for each in left_out if each.partition(",")[0] not in approved)
    return Standing(tuple(sorted(approved)), counting.roles_of(approved, policy), not_counted)
