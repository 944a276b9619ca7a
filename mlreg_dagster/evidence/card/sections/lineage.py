"""Section 2: the data and features that a version was trained on."""

from typing import Any

import pandas as pd

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.datasets.low_quality import LEFT_OUT, left_out_in_words
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Section, Table, Values, flat, when
from mlreg_dagster.market.features.features import describe_features
from mlreg_dagster.models.artifacts.verified import Frozen


def lineage(context: CardContext) -> Section:
    """The data and features that it was trained on."""
    manifest = context.version.manifest
    settings = FeatureSettings.model_validate(manifest["feature_settings"])
    meanings = describe_features(settings)
    parts = [context.training, *([context.holdout] if context.holdout else [])]
    missing = [f"{part.kind} {part.key} can't be used: {part.problem}" for part in parts if part.problem]
    missing += [
        f"{part.kind} {part.key}: {left_out_in_words(part.lineage[LEFT_OUT])}"
        for part in parts
        if part.lineage.get(LEFT_OUT)
    ]
    missing += [str(part.changes) for part in parts if part.changes and part.changes.changed]
    if unknown := [name for name in manifest["features"] if name not in meanings]:
        missing.append(f"No description of: {', '.join(unknown)}.")
    source = context.settings.ingest
    facts: tuple[Fact, ...] = (
        Values(
            "Source, as configured today",
            {"source": source.source, "first hour": when(source.first_hour), "universe": source.universe},
        ),
        Table("Frozen datasets", [_dataset(part) for part in parts]),
        Table(
            "Their hours in the tables of today",
            [part.changes.as_facts() for part in parts if part.changes],
        ),
        Values(
            "Features",
            {
                "fingerprint of their settings": manifest["feature_fingerprint"],
                **flat(manifest["feature_settings"]),
                "same as those computed today": settings == context.settings.features,
            },
        ),
        Table(
            "Data dictionary: what the model sees, in its order",
            [{"feature": name, "meaning": meanings.get(name, "unknown")} for name in manifest["features"]],
            folded=True,
        ),
    )
    return Section("lineage", facts, tuple(missing))


def _dataset(part: Frozen) -> dict[str, Any]:
    facts = part.lineage
    out = facts.get(LEFT_OUT)
    return {
        "dataset": part.kind,
        "day": part.key,
        "first hour": when(pd.Timestamp(facts["first_hour"])) if facts else None,
        "end": when(pd.Timestamp(facts["end"])) if facts else None,
        "rows": facts.get("rows"),
        "instruments": facts.get("instruments"),
        "left out": len(facts.get("instruments_left_out", ())) if facts else None,
        **({"days left out for low quality": ", ".join(out["days"]) or "none"} if out else {}),
        "hours": f"{facts['hours_with_rows']} of {facts['hours_in_window']}" if facts else None,
        "SHA-256": part.sha256,
        "intact": part.problem is None,
    }
