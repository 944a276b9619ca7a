"""Section 8: what it takes to train a version again, and whether that was tried."""

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Section, Table, Text, Values, flat
from mlreg_dagster.models.artifacts.artifact import library_versions


def reproducibility(context: CardContext) -> Section:
    """What it takes to train it again, and whether that was tried."""
    manifest, name = context.version.manifest, context.version.version
    then, now = manifest.get("libraries") or {}, library_versions()
    libraries = [
        {"library": each, "then": then.get(each), "now": now.get(each)} for each in sorted(then.keys() | now.keys())
    ]
    result = context.reproduction
    command = f"mlreg retrain --verify {name}"
    if result is None:
        tried: Fact = Text(
            f"`{command}` trains it again and compares all scores; so does `mlreg bundle {name} --verify`.",
            key="not_reproduced",
        )
    elif isinstance(result, str):
        tried = Text(f"Training it again failed: {result}", key="reproduction_failed")
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
    )
