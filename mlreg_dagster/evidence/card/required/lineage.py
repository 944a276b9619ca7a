"""What section 2 requires: intact and unchanged data from a source that fits the use, as new as what is scored."""

import pandas as pd

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import when
from mlreg_dagster.evidence.card.requirements import EVERY_TIER, THERE, Finding, Requirement, unless, without
from mlreg_dagster.market.features.features import describe_features
from mlreg_dagster.models.names import CHAMPION

_ART_10 = "EU AI Act, Art. 10(2)"


def _datasets(context: CardContext) -> Finding:
    return without(f"{part.kind} {part.key} can't be used: {part.problem}" for part in context.parts if part.problem)


def _unchanged(context: CardContext) -> Finding:
    return without(str(part.changes) for part in context.parts if part.changes and part.changes.changed)


def _dictionary(context: CardContext) -> Finding:
    meanings = describe_features(context.feature_settings)
    unknown = [name for name in context.version.manifest["features"] if name not in meanings]
    return unless(f"No description of: {', '.join(unknown)}." if unknown else None)


def _real_source(context: CardContext) -> Finding:
    if not context.sources.is_simulated:
        return THERE
    case = context.use_case
    if case.for_real_use or case.risk_tier == "high":
        why = "the use case is for real use" if case.for_real_use else "the risk tier is high"
        return Finding(
            "against", f"Its market is simulated, and {why}: no figure here says anything about a real market."
        )
    return Finding("there", "The market is simulated; the use case says that it is not for real use.")


def _source_unchanged(context: CardContext) -> Finding:
    changes = context.sources.changes
    since = "Its source changed since training"
    return unless(f"{since}: {'; '.join(changes)}." if changes else None, "against")


def _market_fresh(context: CardContext) -> Finding:
    """The champion scores a market of today, or one that has ended."""
    if CHAMPION not in context.aliases:
        return THERE
    newest, end = context.market_until, context.settings.ingest.end
    if newest is None:
        return Finding("against", "The market has no hour.")
    due = context.now if end is None else min(context.now, pd.Timestamp(end))
    most = context.settings.outcomes.horizon_hours + context.settings.ingest.checks.max_age_hours
    hours = int((due - newest) / HOUR)
    stale = f"The data are stale: the market's newest hour is {when(newest)}, {hours:,} hours before {when(due)}."
    return unless(stale if hours > most else None, "against")


def _training_fresh(context: CardContext) -> Finding:
    """The champion's training data are not too old against the hours that it scores."""
    if CHAMPION not in context.aliases or context.market_until is None:
        return THERE
    end = pd.Timestamp(context.version.manifest["training_end"])
    most = context.settings.retraining.champion_max_age_days
    days = (context.market_until - end) / pd.Timedelta(days=1)
    stale = (
        f"The data are stale: its training data end {days:.0f} days before the newest hour that it scores; "
        f"retraining.yaml allows {most}."
    )
    return unless(stale if days > most else None, "against")


REQUIREMENTS = (
    Requirement(
        "lineage.datasets",
        "lineage",
        "the frozen datasets, with the hashes on record",
        (_ART_10, "EU AI Act, Annex IV 2(d)", "SR 11-7, V"),
        EVERY_TIER,
        _datasets,
    ),
    Requirement(
        "lineage.unchanged",
        "lineage",
        "the tables still hold the hours as they were frozen",
        (_ART_10, "ISO/IEC 42001, A.7.5"),
        EVERY_TIER,
        _unchanged,
    ),
    Requirement(
        "lineage.dictionary",
        "lineage",
        "a description of every feature",
        ("EU AI Act, Annex IV 2(d)", "Mitchell et al. 2019, training data"),
        EVERY_TIER,
        _dictionary,
    ),
    Requirement(
        "lineage.real_source",
        "lineage",
        "a real market, where the use is real",
        ("EU AI Act, Art. 10(3)", "NIST AI RMF, MAP 2.3"),
        EVERY_TIER,
        _real_source,
    ),
    Requirement(
        "lineage.source_unchanged",
        "lineage",
        "the source that it was trained on is the one that it scores",
        ("EU AI Act, Art. 10(4)", "NIST AI RMF, MEASURE 2.4"),
        EVERY_TIER,
        _source_unchanged,
    ),
    Requirement(
        "lineage.market_fresh",
        "lineage",
        "a market that is up to date, where it is champion",
        ("EU AI Act, Art. 26(4)", "NIST AI RMF, MEASURE 2.4"),
        EVERY_TIER,
        _market_fresh,
    ),
    Requirement(
        "lineage.training_fresh",
        "lineage",
        "training data that are not too old, where it is champion",
        ("EU AI Act, Art. 15(1)", "SR 11-7, V"),
        EVERY_TIER,
        _training_fresh,
    ),
)
