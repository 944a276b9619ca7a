"""What section 3 requires: every gate of the tier in force, measured and passed by the settings in force."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.requirements import EVERY_TIER, THERE, Finding, Requirement, unless, without
from mlreg_dagster.governance.policy.facts import departures_of, passed_by_value_alone
from mlreg_dagster.models.evaluation.attempts import changes
from mlreg_dagster.models.gates import missing_gates

_ANNEX_IV_TESTS = "EU AI Act, Annex IV 2(g)"
_SHOWN = 5


def _done(context: CardContext) -> Finding:
    return unless(None if context.evaluation else f"{context.version.version} was never evaluated.")


def _passed(context: CardContext) -> Finding:
    latest = context.evaluation
    failed = [gate.name for gate in latest.gates if not gate.passed] if latest else []
    return unless(f"{context.version.version} failed its gates: {', '.join(failed)}." if failed else None, "against")


def _intervals(context: CardContext) -> Finding:
    """Where the tier asks for it, gates on planted anomalies are passed by the lower end of their intervals."""
    latest = context.evaluation
    found = () if latest is None else passed_by_value_alone(latest, context.version, context.tier_policy)
    return unless(f"Passed by their value alone: {'; '.join(found)}." if found else None, "against")


def _measured(context: CardContext) -> Finding:
    latest, rules = context.evaluation, context.rules
    if latest is None:
        return THERE
    measured = (gate.name for gate in latest.gates)
    unmeasured = missing_gates(measured, context.tier_policy.gates, rules.evaluation.gates)
    text = f"The risk tier {context.tier} asks for gates that were not measured: {', '.join(unmeasured)}."
    return unless(text if unmeasured else None)


def _stability(context: CardContext) -> Finding:
    if context.evaluation is None or not context.tier_policy.stable:
        return THERE
    stability = context.evaluation.metrics.get("stability") or {}
    verdict = stability.get("verdict", "not measured")
    if verdict == "not measured":
        return Finding(
            "missing", f"The risk tier {context.tier} asks for a stable evaluation, and its stability was not measured."
        )
    detail = stability.get("detail", "")
    return unless(None if verdict == "stable" else f"The evaluation is {verdict}: {detail}", "against")


def _as_in_force(context: CardContext) -> Finding:
    """Judged by the settings in force: whether it would pass them is not known else."""
    latest = context.evaluation
    if latest is None or not latest.passed:
        return THERE
    found = departures_of(latest, context.version, context.rules)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    text = f"Whether it passes the settings in force is not known: in its evaluation {'; '.join(found[:_SHOWN])}{more}."
    return unless(text if found else None, "unknown")


def _same_settings(context: CardContext) -> Finding:
    """No attempt failed under other settings than those under which it passed."""
    return without(failed_attempts(context), "against")


def failed_attempts(context: CardContext) -> list[str]:
    """A sentence for each evaluation that failed before the one that counts passed under other settings."""
    latest = context.evaluation
    if latest is None or not latest.passed:
        return []
    return [
        f"Evaluation {each.id} failed {', '.join(gate.name for gate in each.gates if not gate.passed)}; evaluation "
        f"{latest.id} passed after changes: {', '.join(changed)}."
        for each in context.evaluations
        if each.id < latest.id and not each.passed and not each.is_experiment and (changed := changes(each, latest))
    ]


REQUIREMENTS = (
    Requirement(
        "evaluation.done",
        "evaluation",
        "an evaluation as configured",
        ("EU AI Act, Art. 9(6)", _ANNEX_IV_TESTS, "SR 11-7, V"),
        EVERY_TIER,
        _done,
    ),
    Requirement(
        "evaluation.gates_measured",
        "evaluation",
        "every gate that the risk tier in force asks for was measured",
        (_ANNEX_IV_TESTS, "EU AI Act, Art. 15(1)", "NIST AI RMF, MEASURE 2.3"),
        EVERY_TIER,
        _measured,
        in_headline=True,
    ),
    Requirement(
        "evaluation.gates_passed",
        "evaluation",
        "every gate passed",
        ("EU AI Act, Art. 9(8)", "SR 11-7, V"),
        EVERY_TIER,
        _passed,
    ),
    Requirement(
        "evaluation.intervals",
        "evaluation",
        "gates on planted anomalies passed by their intervals, where the risk tier asks for that",
        ("EU AI Act, Art. 15(3)", "NIST AI RMF, MEASURE 2.3", "Mitchell et al. 2019, metrics"),
        EVERY_TIER,
        _intervals,
    ),
    Requirement(
        "evaluation.stability",
        "evaluation",
        "the evaluation is stable, where the risk tier asks for that",
        ("EU AI Act, Art. 15(4)", "SR 11-7, V"),
        EVERY_TIER,
        _stability,
        in_headline=True,
    ),
    Requirement(
        "evaluation.settings_in_force",
        "evaluation",
        "judged by the settings in force",
        ("EU AI Act, Art. 9(8)", "ISO/IEC 42001, A.6.2.4"),
        EVERY_TIER,
        _as_in_force,
    ),
    Requirement(
        "evaluation.same_settings",
        "evaluation",
        "no settings were changed after an attempt that failed",
        ("SR 11-7, V", "NIST AI RMF, MEASURE 2.1", "ISO/IEC 42001, A.6.2.4"),
        EVERY_TIER,
        _same_settings,
    ),
)
