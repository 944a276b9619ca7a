"""Section 10: all files of a version; complete if the other sections are."""

from collections.abc import Sequence
from typing import Any

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Section, Table
from mlreg_dagster.models.artifacts.verified import Frozen


def bundle(context: CardContext, sections: Sequence[Section]) -> Section:
    """All files of the version; complete if the other sections are."""
    parts = [context.bundle, context.training, *([context.holdout] if context.holdout else [])]
    rows = [_file(part, name, digest) for part in parts for name, digest in part.files.items()]
    missing = [f"Section {each.number} is incomplete: {each.title}." for each in sections if each.missing]
    missing += [f"The files of {part.kind} {part.key} can't be listed." for part in parts if not part.files]
    against = [f"Section {each.number} speaks against it: {each.title}." for each in sections if each.against]
    unknown = [f"Section {each.number} leaves things unknown: {each.title}." for each in sections if each.unknown]
    files = Table("Files of the version, each with its SHA-256", rows, key="files")
    return Section("bundle", (files,), tuple(missing), tuple(against), tuple(unknown))


def _file(part: Frozen, name: str, digest: str) -> dict[str, Any]:
    return {"bundle": f"{part.kind}/{part.key}", "file": name, "SHA-256": digest}
