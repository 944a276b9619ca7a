"""Section 8: what it takes to train a version again, and whether that was tried."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Section, Table, Text, Values, flat
from mlreg_dagster.evidence.reproduction import Reproduction
from mlreg_dagster.models.artifacts.artifact import library_versions

_NEEDED = ("settings", "features", "feature_settings", "threshold", "dataset_sha256", "libraries", "scores_from")


def reproducibility(context: CardContext) -> Section:
    """What it takes to train it again, and whether that was tried."""
    manifest, name = context.version.manifest, context.version.version
    missing = [f"The manifest does not name its {key}." for key in _NEEDED if manifest.get(key) is None]
    if context.training.problem:
        missing.append("The dataset that it was trained on can't be used (section 2).")
    if context.model is not None and dict(context.model.manifest) != manifest:
        missing.append("The manifest in the artifact is not the one in the registry.")
    then, now = manifest.get("libraries") or {}, library_versions()
    libraries = [
        {"library": each, "then": then.get(each), "now": now.get(each)} for each in sorted(then.keys() | now.keys())
    ]
    result = context.reproduction
    if context.model is not None and not (isinstance(result, Reproduction) and result.is_exact):
        missing += context.model.remarks
    command, unknown = f"mlreg retrain --verify {name}", []
    if result is None:
        tried: Fact = Text(
            f"`{command}` trains it again and compares all scores; so does `mlreg bundle {name} --verify`.",
            key="not_reproduced",
        )
        unknown.append("It was not trained again for this card: whether it can be made again is not known.")
    elif isinstance(result, str):
        tried = Text(f"Training it again failed: {result}", key="reproduction_failed")
        missing.append(f"It can't be trained again: {result}")
    else:
        tried = Values(
            "Trained again for this card",
            {
                "command": command,
                "rows scored by both": result.rows,
                "largest difference of a score": result.largest_difference,
                "thresholds": list(result.thresholds),
                "the same to the last bit": result.is_exact,
            },
            key="reproduction",
        )
        if not result.is_exact:
            missing.append(f"Trained again it scores otherwise, by up to {result.largest_difference:g}.")
    return Section(
        "reproducibility",
        (
            Values(
                "Code and seed",
                {"mlreg_dagster": then.get("mlreg_dagster"), "seed": manifest["settings"]["seed"]},
                key="code",
            ),
            Table("Libraries", libraries, key="libraries"),
            tried,
            Values("Manifest", flat(manifest), folded=True, key="manifest"),
        ),
        tuple(missing),
        unknown=tuple(unknown),
    )
