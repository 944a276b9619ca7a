"""What people must have written: use, limits, effects, oversight, contacts, data, security, validation."""

from collections.abc import Callable

from mlreg_dagster.evidence.card.contents.written import changed_since_moves
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.requirements import EVERY_TIER, HIGH, THERE, Finding, Requirement, unless


def _text(key: str) -> Callable[[CardContext], Finding]:
    """Looks whether a text is there."""

    def find(context: CardContext) -> Finding:
        there = key in context.settings.use_case.documented.texts
        return unless(None if there else f"use_case.yaml does not say it: documentation.{key} is not written.")

    return find


def _oversight(context: CardContext) -> Finding:
    written = context.settings.use_case.documented
    missing = [key for key in ("oversight.overrule", "oversight.stop") if key not in written.texts]
    if written.oversight.stop_within_minutes is None:
        missing.append("oversight.stop_within_minutes")
    return unless(
        f"use_case.yaml does not say who can overrule and stop it, and how fast: {', '.join(missing)}."
        if missing
        else None
    )


def _contacts(context: CardContext) -> Finding:
    there = context.settings.use_case.documented.contacts
    return unless(None if there else "use_case.yaml names no contact with a role: documentation.contacts is empty.")


def _unchanged(context: CardContext) -> Finding:
    if not context.aliases:
        return THERE
    changed = changed_since_moves(context)
    if changed is None:
        return Finding("unknown", "Whether what people wrote was changed since it was promoted was not recorded.")
    texts = [f"{', '.join(keys)} (since it became {alias})" for alias, keys in changed.items() if keys]
    return unless(
        f"What people wrote was changed since it was promoted: {'; '.join(texts)}." if texts else None, "against"
    )


def _validated(context: CardContext) -> Finding:
    plan = context.settings.use_case.documented.validation
    if plan.last is None:
        return Finding("missing", "use_case.yaml names no independent validation of the model.")
    return unless(None if plan.next else "use_case.yaml does not say when the next validation is due.")


def _not_overdue(context: CardContext) -> Finding:
    due = context.settings.use_case.documented.validation.next
    past = due is not None and due < context.now.date()
    return unless(f"The next validation was due on {due}." if past else None, "against")


REQUIREMENTS = (
    Requirement(
        "use_case.intended_use",
        "use_case",
        "the intended use, and by whom",
        (
            "EU AI Act, Annex IV 1(a)",
            "EU AI Act, Art. 13(3)(b)",
            "NIST AI RMF, MAP 1.1",
            "Mitchell et al. 2019, intended use",
        ),
        HIGH,
        _text("intended_use"),
    ),
    Requirement(
        "use_case.out_of_scope",
        "use_case",
        "uses that are out of scope",
        ("EU AI Act, Art. 13(3)(b)", "NIST AI RMF, MAP 3.3", "Mitchell et al. 2019, intended use"),
        HIGH,
        _text("out_of_scope"),
    ),
    Requirement(
        "use_case.limits",
        "use_case",
        "known limits",
        ("EU AI Act, Annex IV 3", "SR 11-7, IV", "NIST AI RMF, MAP 2.2", "Mitchell et al. 2019, caveats"),
        HIGH,
        _text("limits"),
    ),
    Requirement(
        "use_case.affected",
        "use_case",
        "who may be affected, and how",
        (
            "EU AI Act, Art. 9(2)",
            "EU AI Act, Art. 27",
            "ISO/IEC 42001, A.5.2",
            "ISO/IEC 42001, A.5.4",
            "NIST AI RMF, MAP 5.1",
        ),
        HIGH,
        _text("affected"),
    ),
    Requirement(
        "use_case.texts_unchanged",
        "use_case",
        "what people wrote is what it was when the version was promoted",
        ("EU AI Act, Art. 18", "ISO/IEC 42001, A.6.2.7"),
        HIGH,
        _unchanged,
    ),
    Requirement(
        "lineage.origin",
        "lineage",
        "whose data it is",
        (
            "EU AI Act, Art. 10(2)(b)",
            "EU AI Act, Annex IV 2(d)",
            "ISO/IEC 42001, A.7.3",
            "Mitchell et al. 2019, training data",
        ),
        HIGH,
        _text("data.origin"),
    ),
    Requirement(
        "lineage.licence",
        "lineage",
        "the terms under which the data may be used",
        ("ISO/IEC 42001, A.7.3", "NIST AI RMF, MAP 4.1"),
        HIGH,
        _text("data.licence"),
    ),
    Requirement(
        "lineage.collection",
        "lineage",
        "how the data was collected",
        ("EU AI Act, Art. 10(2)(b)", "ISO/IEC 42001, A.7.3", "SR 11-7, IV"),
        HIGH,
        _text("data.collection"),
    ),
    Requirement(
        "evaluation.validation",
        "evaluation",
        "an independent validation, and the day of the next one",
        ("SR 11-7, V", "NIST AI RMF, MEASURE 1.3"),
        HIGH,
        _validated,
    ),
    Requirement(
        "evaluation.validation_due",
        "evaluation",
        "no validation is overdue",
        ("SR 11-7, V",),
        EVERY_TIER,
        _not_overdue,
    ),
    Requirement(
        "operations.oversight",
        "operations",
        "who can overrule and stop the model, and how fast",
        (
            "EU AI Act, Art. 14(4)",
            "EU AI Act, Art. 26(2)",
            "EU AI Act, Annex IV 2(e)",
            "ISO/IEC 42001, A.9.2",
            "NIST AI RMF, MANAGE 2.4",
        ),
        HIGH,
        _oversight,
    ),
    Requirement(
        "operations.contact_roles",
        "operations",
        "contacts with their roles",
        ("SR 11-7, VI", "ISO/IEC 42001, A.3.2", "NIST AI RMF, GOVERN 2.1"),
        HIGH,
        _contacts,
    ),
    Requirement(
        "operations.personal_data",
        "operations",
        "which personal data is used, or that none is",
        ("EU AI Act, Art. 10(5)", "GDPR, Art. 30", "ISO/IEC 42001, A.7.2"),
        HIGH,
        _text("personal_data"),
    ),
    Requirement(
        "operations.retention",
        "operations",
        "how long records are kept",
        ("EU AI Act, Art. 18", "EU AI Act, Art. 19", "GDPR, Art. 5(1)(e)"),
        HIGH,
        _text("retention"),
    ),
    Requirement(
        "operations.security",
        "operations",
        "threats that were considered, and measures against them",
        ("EU AI Act, Art. 15(5)", "EU AI Act, Annex IV 2(h)", "NIST AI RMF, MEASURE 2.7"),
        HIGH,
        _text("security"),
    ),
)
