"""What must be known of the data: the source of then, and whether the training resembles what is scored now."""

from mlreg_dagster.datasets.source_record import SOURCE
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.requirements import HIGH, THERE, Finding, Requirement, all_of, unless


def _recorded(context: CardContext) -> Finding:
    there = SOURCE in context.training.lineage
    return unless(None if there else "The source of its training data was not recorded when that was frozen.")


def _representative(context: CardContext) -> Finding:
    found = context.more.coverage
    if found is None or not found.instruments_now:
        return Finding("unknown", "Whether its training resembles what is scored now was not measured.")
    least = context.settings.ingest.checks.min_universe_share
    few = found.known_share < least
    return all_of(
        (
            unless(
                f"It was trained on {found.known_share:.0%} of the instruments that are scored now; ingest.yaml asks "
                f"for {least:.0%} of the universe."
                if few
                else None,
                "against",
            ),
            unless(
                f"The newest week has hours of a regime that its training never saw: {', '.join(found.unseen_regimes)}."
                if found.unseen_regimes
                else None,
                "against",
            ),
            THERE if found.rows else Finding("unknown", "The ranges of its features can't be held against today's."),
        )
    )


REQUIREMENTS = (
    Requirement(
        "lineage.source_recorded",
        "lineage",
        "the source of the training data, as it was then",
        ("EU AI Act, Art. 10(2)(b)", "EU AI Act, Annex IV 2(d)", "ISO/IEC 42001, A.7.5"),
        HIGH,
        _recorded,
    ),
    Requirement(
        "lineage.representative",
        "lineage",
        "instruments and regimes that are scored now occur in its training",
        (
            "EU AI Act, Art. 10(3)",
            "EU AI Act, Art. 10(4)",
            "ISO/IEC 42001, A.7.4",
            "NIST AI RMF, MEASURE 2.1",
            "SR 11-7, IV",
        ),
        HIGH,
        _representative,
    ),
)
