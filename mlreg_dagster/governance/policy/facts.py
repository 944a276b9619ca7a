"""The facts that a policy judges by: what counts of the registry's records when a version asks for an alias."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pandas as pd
from pydantic import ValidationError

from mlreg_dagster.config import EvaluationSettings, PromotionSettings
from mlreg_dagster.config.sections.governance import TierPolicy
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.core.people import AUTOMATION, REPLAY
from mlreg_dagster.governance.decisions import counting
from mlreg_dagster.governance.policy.admission import Admission, admission_of, named, settings_of
from mlreg_dagster.governance.policy.in_force import Rules
from mlreg_dagster.governance.policy.judgement import Facts, Verdict, WorthFound
from mlreg_dagster.models.evaluation import experiments
from mlreg_dagster.models.gates import missing_gates
from mlreg_dagster.models.gates.planted import below_interval
from mlreg_dagster.models.manifests import WALK_FORWARD
from mlreg_dagster.models.names import CHALLENGER, CHAMPION
from mlreg_dagster.registry import Attribution, Decision, Dossier, Evaluation, ModelVersion
from mlreg_dagster.registry.names import as_utc

_STORED = {"waived": "lifted"}
"""Names of fields in the evidence that is kept with a move, where they differ from those in code."""


def facts_of(
    dossier: Dossier,
    rules: Rules,
    evaluation: Evaluation,
    by: Attribution,
    *,
    as_of: datetime | None = None,
    matured_outcomes: Callable[[], int],
    worth: Callable[[], tuple[WorthFound, ...]],
    changed_hours: int | None = None,
    rolled_out: bool = False,
) -> Facts:
    """Read what counts out of the registry's records.

    Args:
        dossier: All that is on record: of which version, for which alias.
        rules: In force.
        evaluation: The one that it is judged by.
        by: Who promotes, and when.
        as_of: The time at which the evaluation has its age; None: that of `by`.
        matured_outcomes: Counts those of the version; asked only where the policy wants some.
        worth: Holds its outcomes against its opponents'; asked only where the policy wants it.
        changed_hours: Hours of the training data that changed since they were frozen; None: not known.
        rolled_out: Whether a rollout asks.
    """
    version, policy, actor, now = dossier.version, rules.promotion, by.actor, as_utc(by.time)
    tier = policy.of(rules.use_case.risk_tier)
    counted = counting.counted_decisions(dossier, policy, now)
    left_out = counting.not_counted(dossier, counted, "approval")
    approved, ignored, rejected = approvals_of(counted, dossier, evaluation, actor, policy)
    stability = evaluation.metrics.get("stability") or {}
    freeze = next((each for each in policy.freezes if each.covers(now)), None)
    admission = admission_of(dossier)
    is_rollback = admission is not None
    may_ask_for_outcomes = dossier.alias != CHALLENGER  # which is where outcomes come from
    asks_for_outcomes = may_ask_for_outcomes and policy.min_matured_outcomes
    asks_for_worth = may_ask_for_outcomes and tier.worth is not None and not is_rollback
    return Facts(
        failed_gates=_failed(evaluation, version, tier) if admission is None else admission.failed_gates,
        missing_gates=() if is_rollback else _missing(evaluation, rules),
        departures=() if is_rollback else departures_of(evaluation, version, rules),
        stability=stability.get("verdict", "not measured"),
        stability_detail=stability.get("detail", ""),
        rejected_by=tuple(rejected),
        approved_by=tuple(approved),
        roles=counting.roles_of(approved, policy),
        not_counted=tuple(left_out + ignored),
        waived={
            name: f"{each.actor}, until {each.expires_at:%Y-%m-%d %H:%M} ({each.reason})"
            for each in counted
            if each.is_waiver and each.expires_at is not None and now < each.expires_at
            if counting.objection_to_waiver(each, version, actor, policy) is None
            for name in each.waives
        },
        frozen=None if freeze is None else f"{freeze.reason}, until {freeze.until:%Y-%m-%d %H:%M}",
        evaluation_age_days=_age(evaluation, version, now if as_of is None else as_utc(as_of)) / pd.Timedelta(days=1),
        matured_outcomes=matured_outcomes() if asks_for_outcomes else None,
        worth=worth() if asks_for_worth else None,
        is_rollback=is_rollback,
        needs_person=_needs_person(is_rollback, actor, rules),
        stranger=_stranger(actor, CHAMPION if rolled_out else dossier.alias, policy),
        failed_before=_failed_before(evaluation, dossier.evaluations),
        changed_hours=changed_hours,
        suspended=None if is_rollback and not rolled_out else suspension_in(dossier),
        needs_rollout=None if rolled_out or is_rollback else _needs_rollout(dossier, rules),
        stricter_today=() if admission is None else _stricter(admission, dossier, rules),
    )


def evidence_of(facts: Facts, verdict: Verdict, rules: Rules, policy_sha256: str | None) -> dict[str, Any]:
    """What is kept with the move: the policy that applied, and what it was decided on."""
    return {
        "risk_tier": rules.use_case.risk_tier,
        "policy": rules.promotion.model_dump(mode="json"),
        "policy_sha256": policy_sha256,
        "use_case_sha256": rules.use_case.sha256,
        "facts": _stored(facts),
        "verdict": _stored(verdict),
    }


def waived_rules(evidence: Mapping[str, Any]) -> list[str]:
    """The holds that waivers waived when an alias moved, by the evidence that is kept with the move."""
    return list(evidence.get("verdict", {}).get(_STORED["waived"], ()))


def _stored(values: Facts | Verdict) -> dict[str, Any]:
    return {_STORED.get(name, name): value for name, value in asdict(values).items()}


def approvals_of(
    counted: Sequence[Decision], dossier: Dossier, evaluation: Evaluation, actor: str, policy: PromotionSettings
) -> tuple[list[str], list[str], list[str]]:
    """Who approved, whose approvals don't count and why, who rejects; the last decision that counts of each person."""
    ignored: list[str] = []
    valid: list[Decision] = []
    for each in counted:
        objection = None
        if each.kind == "approval":
            objection = counting.objection_to_approval(each, dossier.version, evaluation, actor, policy)
        if objection is None:
            valid.append(each)
        else:
            ignored.append(f"{each.actor}, {objection}")
    last = counting.standing(valid, policy)
    approved = [name for name, each in last.items() if each.kind == "approval"]
    rejected = [f"{each.actor} ({each.reason})" for each in last.values() if each.kind == "rejection"]
    return approved, ignored, rejected


def _failed(evaluation: Evaluation, version: ModelVersion, tier: TierPolicy) -> tuple[str, ...]:
    """Failed gates; and where the tier asks for the lower end of intervals, those that passed by their value alone."""
    failed = (named(gate) for gate in evaluation.gates if not gate.passed)
    return (*failed, *passed_by_value_alone(evaluation, version, tier))


def passed_by_value_alone(evaluation: Evaluation, version: ModelVersion, tier: TierPolicy) -> tuple[str, ...]:
    """Gates whose interval does not pass, each with the reason; none where the tier does not ask for intervals."""
    known = _settings_of(evaluation) if tier.planted_interval else None  # other settings are departures
    if known is None:
        return ()
    return tuple(below_interval(evaluation.gates, known, learns_crashes=WALK_FORWARD in version.manifest))


def _missing(evaluation: Evaluation, rules: Rules) -> tuple[str, ...]:
    tier = rules.promotion.of(rules.use_case.risk_tier)
    return missing_gates((gate.name for gate in evaluation.gates), tier.gates, rules.evaluation.gates)


def _stricter(admission: Admission, dossier: Dossier, rules: Rules) -> tuple[str, ...]:
    """What today's policy asks of a version and a rollback need not show."""
    tier = rules.promotion.of(rules.use_case.risk_tier)
    newest = next((each for each in reversed(dossier.evaluations) if tier.experiments or not each.is_experiment), None)
    results = admission.results_today(newest)
    failed = [f"{named(gate)} failed" for gate in results.values() if not gate.passed]
    if newest is not None:
        failed += (f"{text} failed" for text in passed_by_value_alone(newest, dossier.version, tier))
    unmeasured = missing_gates(results, tier.gates, rules.evaluation.gates)
    return (*failed, *(f"{name} was not measured" for name in unmeasured))


def departures_of(evaluation: Evaluation, version: ModelVersion, rules: Rules) -> tuple[str, ...]:
    """How the evaluation departs from what is in force: as it was recorded, and as it is now."""
    known = _settings_of(evaluation)
    thresholds = evaluation.thresholds if known is None else known.model_dump(mode="json")
    now = experiments.departures(
        thresholds=thresholds,
        in_force=rules.evaluation.model_dump(mode="json"),
        holdout_day=evaluation.holdout_day,
        dataset_day=version.dataset_day,
        code=evaluation.code_sha256,
    )
    return tuple(dict.fromkeys((*(evaluation.departures or ()), *now)))


def _settings_of(evaluation: Evaluation) -> EvaluationSettings | None:
    """Under which it was done; None where another release recorded values that this one does not know."""
    try:
        return EvaluationSettings.of_record(evaluation.thresholds)
    except ValidationError:
        return None


def _age(evaluation: Evaluation, version: ModelVersion, as_of: datetime) -> pd.Timedelta:
    """How old the evaluation is, or the data that it looked at, whichever is older."""
    seen_until = as_hour(evaluation.holdout_day or version.dataset_day) + pd.Timedelta(days=1)
    return pd.Timedelta(as_of - min(evaluation.recorded_at, seen_until))


def _stranger(actor: str, alias: str, policy: PromotionSettings) -> str | None:
    """Why the actor may not move the alias; None if they may."""
    if actor == AUTOMATION and policy.automatic == "never":
        return "promotion.yaml leaves promotions to people"
    if actor == AUTOMATION and alias != CHAMPION:
        return f"automation moves {CHAMPION} alone"
    if not policy.people or actor in {AUTOMATION, REPLAY} or policy.person(actor) in policy.people:
        return None
    return f"{actor} is not among people; promotion.yaml names {', '.join(sorted(policy.people))}"


def _needs_person(is_rollback: bool, actor: str, rules: Rules) -> str | None:
    """Why a rollback that automation asks for waits for a person; None if it does not."""
    if not is_rollback or actor != AUTOMATION or rules.use_case.risk_tier != "high":
        return None
    return "automation asks for this rollback, and in the risk tier high a person decides: `mlreg rollback`"


def suspension_in(dossier: Dossier) -> str | None:
    """The suspension by which the alias does not move: that of the champion holds all aliases, others their own."""
    found = dossier.suspended.get(CHAMPION) or dossier.suspended.get(dossier.alias)
    if found is None:
        return None
    return f"{found.in_words}. Nothing moves but back until `mlreg resume {found.alias}`"


def _needs_rollout(dossier: Dossier, rules: Rules) -> str | None:
    """Why a promotion waits for a rollout in its place; None if it does not."""
    rollout = rules.promotion.of(rules.use_case.risk_tier).rollout
    if rollout is None or not rollout.required or dossier.alias != CHAMPION or not dossier.moves:
        return None
    version = dossier.version.version
    return f"the policy wants a rollout: `mlreg rollout start {version} --reason …`"


def _failed_before(evaluation: Evaluation, evaluations: Sequence[Evaluation]) -> tuple[str, ...]:
    """Earlier evaluations that failed under other settings than those under which this one passed."""
    return tuple(
        f"evaluation {each.id} failed {_failed_gates(each)} under other settings"
        for each in evaluations
        if each.id < evaluation.id and not each.passed and not each.is_experiment
        if settings_of(each) != settings_of(evaluation)
    )


def _failed_gates(evaluation: Evaluation) -> str:
    return ", ".join(gate.name for gate in evaluation.gates if not gate.passed)
