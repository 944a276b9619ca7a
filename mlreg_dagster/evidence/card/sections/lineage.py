"""Section 2: the data and features that a version was trained on."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from mlreg_dagster.datasets.changes import ChangedHours
from mlreg_dagster.datasets.low_quality import LEFT_OUT
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Section, Table, Values, flat
from mlreg_dagster.market.features.features import describe_features
from mlreg_dagster.models.artifacts.verified import Frozen


def lineage(context: CardContext) -> Section:
    """The data and features that it was trained on."""
    manifest = context.version.manifest
    settings, parts = context.feature_settings, context.parts
    meanings = describe_features(settings)
    source = context.settings.ingest
    facts: tuple[Fact, ...] = (
        Values(
            "Source, as configured today",
            {
                "source": source.source,
                "first hour": source.first_hour,
                "universe": source.universe,
                "source of the training data": list(context.sources.then) or None,
                "source of the newest day": list(context.sources.now) or None,
                "a simulated market": context.sources.is_simulated,
            },
            key="source",
        ),
        Table("Frozen datasets", [_dataset(part) for part in parts], key="datasets"),
        *_left_out(parts),
        Table(
            "Their hours in the tables of today",
            [_changes(part.changes) for part in parts if part.changes],
            key="changed_hours",
        ),
        Values(
            "Features",
            {
                "fingerprint of their settings": manifest["feature_fingerprint"],
                **flat(manifest["feature_settings"]),
                "same as those computed today": settings == context.settings.features,
            },
            key="features",
        ),
        Table(
            "Data dictionary: what the model sees, in its order",
            [{"feature": name, "meaning": meanings.get(name, "unknown")} for name in manifest["features"]],
            folded=True,
            key="data_dictionary",
        ),
    )
    return Section("lineage", facts)


def _left_out(parts: Iterable[Frozen]) -> Iterator[Table]:
    """What low quality cost the datasets, where it cost them anything."""
    rows = [
        {"dataset": part.kind, "day": day, "what": what, "why": why}
        for part in parts
        for day, what, why in _reasons(part.lineage.get(LEFT_OUT))
    ]
    if rows:
        yield Table("Left out for low quality", rows, key="left_out")


def _reasons(left_out: Mapping[str, Any] | None) -> Iterator[tuple[str, str, str]]:
    if left_out:
        yield from ((day, "the whole day", " ".join(reasons)) for day, reasons in left_out["days"].items())
        for name, days in left_out["instruments"].items():
            yield from ((day, name, reason) for day, reason in days.items())


def _changes(found: ChangedHours) -> dict[str, Any]:
    hours = {"first_changed": found.changed[:1], "last_changed": found.changed[-1:]}
    return found.as_facts() | {name: each[0] if each else None for name, each in hours.items()}


def _dataset(part: Frozen) -> dict[str, Any]:
    facts = part.lineage
    return {
        "dataset": part.kind,
        "day": part.key,
        "first hour": pd.Timestamp(facts["first_hour"]) if facts else None,
        "end": pd.Timestamp(facts["end"]) if facts else None,
        "rows": facts.get("rows"),
        "instruments": facts.get("instruments"),
        "left out": len(facts.get("instruments_left_out", ())) if facts else None,
        "hours with rows": facts.get("hours_with_rows"),
        "hours in window": facts.get("hours_in_window"),
        "SHA-256": part.sha256,
        "intact": part.problem is None,
    }
