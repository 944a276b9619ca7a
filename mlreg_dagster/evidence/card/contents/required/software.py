"""What must be known of the software: the commit of the code, and everything else that was installed."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.requirements import HIGH, THERE, Finding, Requirement, unless
from mlreg_dagster.models.manifests import CODE


def _commit(context: CardContext) -> Finding:
    code = context.version.manifest.get(CODE)
    if code is None:
        return Finding("missing", "The commit of the code that trained it was not recorded.")
    if dirty := [name for name, each in code.items() if each.get("dirty")]:
        return Finding("against", f"It was trained by code that differs from its commit: {', '.join(dirty)}.")
    if unsure := [name for name, each in code.items() if "dirty" in each and each["dirty"] is None]:
        return Finding("unknown", f"Whether the code differed from its commit is not known: {', '.join(unsure)}.")
    return THERE


def _bill(context: CardContext) -> Finding:
    return unless(
        None
        if context.more.bill_is_of_training
        else "No bill of materials was made when it was trained: only the libraries in its manifest are known."
    )


REQUIREMENTS = (
    Requirement(
        "reproducibility.commit",
        "reproducibility",
        "the code that trained it: a release, or a commit without changes",
        ("EU AI Act, Annex IV 1(c)", "EU AI Act, Annex IV 2(a)", "SR 11-7, VI", "ISO/IEC 42001, A.6.2.3"),
        HIGH,
        _commit,
    ),
    Requirement(
        "reproducibility.bill_of_materials",
        "reproducibility",
        "all software of the training with its licences",
        ("EU AI Act, Art. 15(4)", "ISO/IEC 42001, A.4.4", "ISO/IEC 42001, A.10.3", "NIST AI RMF, MAP 4.1"),
        HIGH,
        _bill,
    ),
)
