"""bundle.json: the files of a bundle, or of a dossier, with their sums."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from mlreg_dagster.evidence.schemas.types import Count, Sha256, State, Time, Version


class FileEntry(Struct, frozen=True, kw_only=True):
    """A file beside this document."""

    name: str
    sha256: Sha256
    bytes: Count
    media_type: str
    format: Annotated[str | None, Meta(description="Of a JSON document: what `mlreg schema` knows it by.")] = None


class BundleDocument(Struct, frozen=True, kw_only=True):
    """The bundle of a version: its files, and the state of its card."""

    format: Literal["mlreg-bundle"] = "mlreg-bundle"
    schema_version: Literal[1] = 1
    version: Version
    made_at: Time
    state: State
    files: list[FileEntry]
