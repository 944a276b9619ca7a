"""What promotions are judged by, and the judgement on one version. Moving an alias belongs to `promotion`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from mlreg_dagster.governance.policy.admission import judged_evaluation
from mlreg_dagster.governance.policy.facts import evidence_of, facts_of
from mlreg_dagster.governance.policy.in_force import Rules, require_adopted, rules_now
from mlreg_dagster.governance.policy.judgement import Facts, Verdict, WorthFound, judge
from mlreg_dagster.models.names import CHALLENGER, CHAMPION
from mlreg_dagster.registry import Attribution, Dossier, Evaluation, ModelVersion, Registry

if TYPE_CHECKING:
    from mlreg_dagster.models.artifacts.artifact import Model


@dataclass(frozen=True)
class Judgement:
    """What the policy says of a version that asks for an alias.

    Attributes:
        verdict: The policy's answer.
        evaluation: The evaluation that admits the version.
        facts: What it was decided on.
    """

    verdict: Verdict
    evaluation: Evaluation
    facts: Facts

    def evidence(self, dossier: Dossier, rules: Rules) -> dict[str, Any]:
        """What is kept with the move."""
        return evidence_of(self.facts, self.verdict, rules, dossier.policy.content_sha256 if dossier.policy else None)


@dataclass(frozen=True)
class Governance:
    """What promotions are judged by, beside the registry's records.

    Attributes:
        files: What the configuration files ask for; nothing is promoted unless it is in force.
        matured_outcomes: Counts those of a version.
        worth: Holds those of a version that were due at a time against the best simple ranking and, where it would
            replace a champion, against that.
        changed_hours: Counts the hours of its training data that changed since they were frozen; None: not known.
        validate_rollback: Looks whether a former holder still does its work; what it finds is kept, or it raises.
        replays_history: Whether a move may count from the past.
        base_rate: The share of crashes among the outcomes of a version that were due at a time; None: not known.
    """

    files: Rules
    matured_outcomes: Callable[[str], int]
    worth: Callable[[str, str | None, datetime], tuple[WorthFound, ...]]
    changed_hours: Callable[[ModelVersion], int | None]
    validate_rollback: "Callable[[Model], Mapping[str, Any]]"
    replays_history: bool = False
    base_rate: Callable[[str, datetime], float | None] = lambda _version, _as_of: None

    def rules(self, registry: Registry, now: pd.Timestamp) -> Rules:
        """The rules in force; those of the files become the first ones of a registry that has none.

        Raises:
            PolicyNotAdopted: The files ask for others.
        """
        in_force = rules_now(registry, self.files, now)
        require_adopted(in_force, self.files)
        return in_force

    def worth_asked(self, dossier: Dossier, rules: Rules, as_of: datetime) -> tuple[WorthFound, ...] | None:
        """How the version did on outcomes that were due, where the policy asks; None where it does not.

        It reads tables, so it is asked outside of the registry's transaction.
        """
        asked = rules.promotion.of(rules.use_case.risk_tier).worth
        if asked is None or dossier.alias == CHALLENGER:
            return None
        return self.worth(dossier.version.version, rival_in(dossier), as_of)

    def consider(
        self,
        dossier: Dossier,
        rules: Rules,
        by: Attribution,
        *,
        as_of: datetime | None = None,
        changed_hours: int | None = None,
        worth: tuple[WorthFound, ...] | None = None,
        rolled_out: bool = False,
    ) -> Judgement:
        """Judge a version that asks for an alias; nothing moves.

        Args:
            dossier: All that is on record: of which version, for which alias.
            rules: In force.
            by: Who promotes, and when.
            as_of: When the evaluation must not be too old: where a replay promotes in the past; None: at `by.time`.
            changed_hours: Hours of the training data that changed since they were frozen; None: not known.
            worth: What `worth_asked` found; None: it is measured where the policy asks for it.
            rolled_out: Whether a rollout asks.

        Raises:
            GatesNotPassed: It is no former holder, and was never evaluated, or failed.
        """
        tier = rules.promotion.of(rules.use_case.risk_tier)
        version = dossier.version.version
        evaluation = judged_evaluation(dossier, experiments=tier.experiments)
        facts = facts_of(
            dossier,
            rules,
            evaluation,
            by,
            as_of=as_of,
            matured_outcomes=lambda: self.matured_outcomes(version),
            worth=lambda: self.worth(version, rival_in(dossier), by.time) if worth is None else worth,
            changed_hours=changed_hours,
            rolled_out=rolled_out,
        )
        return Judgement(judge(facts, tier, rules.promotion), evaluation, facts)


def rival_in(dossier: Dossier) -> str | None:
    """The champion that the version would replace; None where there is none, or another alias is asked for."""
    if dossier.alias != CHAMPION or not dossier.moves:
        return None
    holder = dossier.moves[-1].version
    return None if holder == dossier.version.version else holder
