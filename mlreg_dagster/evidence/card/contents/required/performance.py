"""What must be known of its performance: by segment, by crash episode, against the version before, with reasons."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.requirements import HIGH, THERE, Finding, Requirement, unless


def _segments(context: CardContext) -> Finding:
    if not context.more.segments:
        return Finding("unknown", "How good it is by segment is not known: no outcome tells.")
    return unless(
        None
        if any(each["recall_low"] is not None or each["precision_low"] is not None for each in context.more.segments)
        else "No segment has an interval: its outcomes span too few days.",
        "unknown",
    )


def _episodes(context: CardContext) -> Finding:
    episodes = context.more.episodes
    if not episodes:
        return Finding("unknown", "How early it flags crashes is not known: no crash was among its outcomes.")
    caught = [each for each in episodes if each["first_flag"] is not None]
    if not caught:
        return Finding("against", f"It flagged none of the {len(episodes)} crash episodes among its outcomes.")
    timed = any(each["lead_hours"] is not None for each in caught)
    return unless(None if timed else "How long before a crash it flags is not known.", "unknown")


def _reasons(context: CardContext) -> Finding:
    flagged = any(each["flagged"] for each in context.more.episodes) or context.outcomes["is_anomaly"].any()
    if not flagged:
        return THERE
    return unless("No reason of a flag of it is on record." if context.reasons.empty else None)


REQUIREMENTS = (
    Requirement(
        "monitoring.segments",
        "monitoring",
        "performance by segment, with intervals",
        ("EU AI Act, Annex IV 3", "NIST AI RMF, MEASURE 2.11", "Mitchell et al. 2019, quantitative analyses"),
        HIGH,
        _segments,
    ),
    Requirement(
        "monitoring.episodes",
        "monitoring",
        "crash by crash, whether it was flagged and how early",
        ("EU AI Act, Art. 15(1)", "SR 11-7, V", "NIST AI RMF, MEASURE 2.3"),
        HIGH,
        _episodes,
    ),
    Requirement(
        "monitoring.reasons",
        "monitoring",
        "reasons for what was flagged lately",
        ("EU AI Act, Art. 13(3)(b)", "EU AI Act, Art. 86", "NIST AI RMF, MEASURE 2.9"),
        HIGH,
        _reasons,
    ),
)
