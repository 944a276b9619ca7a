"""What section 8 requires: all that it takes to train it again, and that this was tried."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.requirements import EVERY_TIER, THERE, Finding, Requirement, unless, without
from mlreg_dagster.evidence.reproduction import Reproduction

_NEEDED = ("settings", "features", "feature_settings", "threshold", "dataset_sha256", "libraries", "scores_from")


def _manifest(context: CardContext) -> Finding:
    manifest = context.version.manifest
    return without(f"The manifest does not name its {key}." for key in _NEEDED if manifest.get(key) is None)


def _same_manifest(context: CardContext) -> Finding:
    model = context.model
    if context.untried:
        return Finding(
            "unknown", "The artifact was not loaded: whether it carries the manifest on record is not known."
        )
    same = model is None or dict(model.manifest) == context.version.manifest
    return unless(None if same else "The manifest in the artifact is not the one in the registry.")


def _dataset(context: CardContext) -> Finding:
    return unless("The dataset that it was trained on can't be used (section 2)." if context.training.problem else None)


def _libraries(context: CardContext) -> Finding:
    """Those that it was trained with, unless training again gave the same scores."""
    result = context.reproduction
    if context.untried:
        return Finding("unknown", "The artifact was not loaded: whether today's libraries suit it is not known.")
    if context.model is None or (isinstance(result, Reproduction) and result.is_exact):
        return THERE
    return without(context.model.remarks)


def _trained_again(context: CardContext) -> Finding:
    result = context.reproduction
    if result is None:
        text = "It was not trained again for this card: whether it can be made again is not known."
        return Finding("unknown", text)
    if isinstance(result, str):
        return Finding("missing", f"It can't be trained again: {result}")
    differs = f"Trained again it scores otherwise, by up to {result.largest_difference:g}."
    return unless(None if result.is_exact else differs)


REQUIREMENTS = (
    Requirement(
        "reproducibility.manifest",
        "reproducibility",
        "a manifest that names all that training takes",
        ("EU AI Act, Annex IV 2(b)", "SR 11-7, V"),
        EVERY_TIER,
        _manifest,
    ),
    Requirement(
        "reproducibility.same_manifest",
        "reproducibility",
        "the artifact carries the manifest on record",
        ("EU AI Act, Art. 12(1)", "ISO/IEC 42001, A.6.2.7"),
        EVERY_TIER,
        _same_manifest,
    ),
    Requirement(
        "reproducibility.dataset",
        "reproducibility",
        "the dataset that it was trained on",
        ("EU AI Act, Annex IV 2(d)", "SR 11-7, V"),
        EVERY_TIER,
        _dataset,
    ),
    Requirement(
        "reproducibility.libraries",
        "reproducibility",
        "the libraries that it was trained with, or the same scores without them",
        ("EU AI Act, Annex IV 1(c)", "ISO/IEC 42001, A.4.4"),
        EVERY_TIER,
        _libraries,
    ),
    Requirement(
        "reproducibility.trained_again",
        "reproducibility",
        "training it again gives the same scores, tried for this card",
        ("SR 11-7, V", "NIST AI RMF, MEASURE 2.1"),
        EVERY_TIER,
        _trained_again,
    ),
)
