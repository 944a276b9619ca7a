"""The JSON Schema of each document that programs read, by its name."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from mlreg_dagster.evidence.schemas.bundle import BundleDocument
from mlreg_dagster.evidence.schemas.card import CardDocument
from mlreg_dagster.evidence.schemas.report import ReportDocument
from mlreg_dagster.governance.audit_export.lines import shipped_schema

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TITLES: Mapping[str, tuple[type, str]] = {
    "card": (CardDocument, "card.json, version 1"),
    "report": (ReportDocument, "checks.json, version 1"),
    "bundle": (BundleDocument, "bundle.json, version 1"),
}
NAMES = (*_TITLES, "audit")
"""Of the documents that have a schema."""


def schema_of(name: str) -> str:
    """The JSON Schema (2020-12) of a document, as text.

    Args:
        name: One of `NAMES`.
    """
    if name == "audit":
        return shipped_schema()
    document, title = _TITLES[name]
    return json.dumps({"$schema": _DIALECT, "title": title, **msgspec.json.schema(document)}, indent=2) + "\n"


def written(document: Any) -> str:
    """A document as JSON, with its keys in their order."""
    return json.dumps(msgspec.to_builtins(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
