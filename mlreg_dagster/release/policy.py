"""The steps that read the registry: the gates of the newest evaluation, and approvals and all else the policy asks for.

What matured outcomes have to show is left to the rollout, which is where outcomes of a new version come from.
"""

from dataclasses import asdict, dataclass, replace

from mlreg_dagster.governance.policy.facts import facts_of
from mlreg_dagster.governance.policy.in_force import Rules, require_adopted, rules_now
from mlreg_dagster.governance.policy.judgement import Facts, judge
from mlreg_dagster.registry import Attribution, Dossier, Evaluation, Registry
from mlreg_dagster.registry.rules import passed_evaluation
from mlreg_dagster.release.steps import Step

GATES, APPROVALS = "gates", "approvals"


@dataclass(frozen=True)
class Evidence:
    """What is on record of a version that is to be released.

    Attributes:
        evaluation: The newest one that counts, which passed.
        facts: What the policy judges by.
        rules: In force.
    """

    evaluation: Evaluation
    facts: Facts
    rules: Rules


def evidence_on(registry: Registry, dossier: Dossier, files: Rules, by: Attribution) -> Evidence:
    """Read what is on record.

    Args:
        registry: Holds the policy in force.
        dossier: All that is on record of the version.
        files: What the configuration files ask for.
        by: Who releases, and when.

    Raises:
        PolicyNotAdopted: The files ask for another policy than the one in force.
        GatesNotPassed: The version was never evaluated as configured, or failed.
    """
    rules = rules_now(registry, files, by.time)
    require_adopted(rules, files)
    tier = rules.promotion.of(rules.use_case.risk_tier)
    evaluation = passed_evaluation(dossier.version.version, dossier.evaluations, experiments=tier.experiments)
    facts = facts_of(dossier, rules, evaluation, by, matured_outcomes=lambda: 0, worth=tuple)
    return Evidence(evaluation, replace(facts, matured_outcomes=None, worth=None), rules)


def gates(evidence: Evidence) -> Step:
    """Whether the newest evaluation was done as configured and passed every gate that the risk tier asks for."""
    evaluation, facts = evidence.evaluation, evidence.facts
    tier = evidence.rules.promotion.of(evidence.rules.use_case.risk_tier)
    wrong = [
        *(f"failed {gate}" for gate in facts.failed_gates),
        *(f"{gate} was not measured" for gate in facts.missing_gates),
        *(() if tier.experiments else facts.departures),
    ]
    figures = {
        "evaluation": evaluation.id,
        "holdout_day": evaluation.holdout_day,
        "gates": [asdict(gate) for gate in evaluation.gates],
    }
    if wrong:
        return Step(GATES, "failed", f"Evaluation {evaluation.id}: {'; '.join(wrong)}. Evaluate it again.", figures)
    count = len(evaluation.gates)
    return Step(GATES, "passed", f"Evaluation {evaluation.id} passed {count} gates, as configured.", figures)


def approvals(evidence: Evidence) -> Step:
    """Whether the people who have to decide did, and nothing else of the policy is in the way, such as a freeze."""
    policy = evidence.rules.promotion
    tier = policy.of(evidence.rules.use_case.risk_tier)
    facts = replace(evidence.facts, failed_gates=(), missing_gates=(), departures=())
    verdict = judge(facts, tier, policy)
    figures = {
        "risk_tier": evidence.rules.use_case.risk_tier,
        "asked": tier.approvals,
        "roles": list(tier.roles),
        "approved_by": list(facts.approved_by),
        "rejected_by": list(facts.rejected_by),
        "not_counted": list(facts.not_counted),
        "waived": list(verdict.waived),
    }
    if verdict.outcome != "promote":
        version = evidence.evaluation.version
        detail = f"{'; '.join(verdict.reasons)}. `mlreg approve {version}` adds an approval."
        return Step(APPROVALS, "failed", detail, figures)
    who = f"approved by {', '.join(facts.approved_by)}" if facts.approved_by else "no approval is asked for"
    waived = f"; waived: {'; '.join(verdict.waived)}" if verdict.waived else ""
    return Step(APPROVALS, "passed", f"Risk tier {figures['risk_tier']}: {who}{waived}.", figures)
