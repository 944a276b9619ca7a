"""Section 10: all files of a version."""

from typing import Any

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Section, Table
from mlreg_dagster.models.artifacts.verified import Frozen


def bundle(context: CardContext) -> Section:
    """All files of the version."""
    parts = [context.bundle, *context.parts]
    rows = [_file(part, name, digest) for part in parts for name, digest in part.files.items()]
    return Section("bundle", (Table("Files of the version, each with its SHA-256", rows, key="files"),))


def _file(part: Frozen, name: str, digest: str) -> dict[str, Any]:
    return {"bundle": f"{part.kind}/{part.key}", "file": name, "SHA-256": digest}
