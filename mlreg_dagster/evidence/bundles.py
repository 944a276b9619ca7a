"""The evidence bundle of a version: a folder of its card in three forms, its bill of materials, a list, and sums.

It is replaced as a whole. What is in a card belongs to `card`; how it reads to `rendering`.
"""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from mlreg_dagster.core.json_values import plain
from mlreg_dagster.evidence import rendering
from mlreg_dagster.evidence.card.elements import Card
from mlreg_dagster.evidence.schemas import card as card_json
from mlreg_dagster.evidence.schemas.bundle import BundleDocument, FileEntry
from mlreg_dagster.evidence.schemas.schema import written
from mlreg_dagster.models.artifacts.sbom import SBOM
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.artifacts import SUMS
from mlreg_dagster.storage.faults import explained

HTML, MARKDOWN, JSON, LIST = "card.html", "card.md", card_json.FILE, "bundle.json"
_MEDIA_TYPES = {
    HTML: "text/html",
    MARKDOWN: "text/markdown",
    JSON: "application/json",
    SBOM: "application/vnd.cyclonedx+json",
}


def write(folder: Path, card: Card, bill: bytes) -> dict[str, str]:
    """Write the bundle, or replace it: what lies there is the old one or the new one, never half of either.

    Args:
        folder: Of the bundle; its parent is made where needed.
        card: What is written.
        bill: The software bill of materials of the version.

    Returns:
        Name and SHA-256 of each file, that of the sums included.

    Raises:
        StorageFull, StorageNotWritable: The bundle is as it was before.
    """
    files = {
        HTML: rendering.to_html(card).encode(),
        MARKDOWN: rendering.to_markdown(card).encode(),
        JSON: rendering.to_json(card).encode(),
        SBOM: bill,
    }
    files[LIST] = _list_of(card, files).encode()
    write_folder(folder, files)
    return {name: _sha256(content) for name, content in {**files, SUMS: sums_of(files)}.items()}


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files and their sums, or replace it as a whole.

    Args:
        folder: Its parent is made where needed.
        files: Content by name.

    Raises:
        StorageFull, StorageNotWritable: The folder is as it was before.
    """
    with explained(folder):
        private_files.make_folder(folder.parent)
        with FileLock(folder.with_name(f".{folder.name}.lock"), mode=private_files.OF_FILES):
            _replace(folder, {**files, SUMS: sums_of(files)})


def sums_of(files: Mapping[str, bytes]) -> bytes:
    """The SHA-256 of each file, in the form that `sha256sum --check` reads."""
    return "".join(f"{_sha256(content)}  {name}\n" for name, content in sorted(files.items())).encode()


def _list_of(card: Card, files: Mapping[str, bytes]) -> str:
    return written(
        BundleDocument(
            version=card.version,
            made_at=plain(card.made_at),
            state=card.state,
            files=[
                FileEntry(
                    name=name,
                    sha256=_sha256(content),
                    bytes=len(content),
                    media_type=_MEDIA_TYPES[name],
                    format="mlreg-card" if name == JSON else None,
                )
                for name, content in sorted(files.items())
            ],
        )
    )


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    """Under the lock: drafts that lie there were left by a dead process, and an old one that was moved aside, too."""
    draft, old = (folder.with_name(f".{folder.name}.{part}") for part in ("draft", "old"))
    if old.exists() and not folder.exists():
        old.rename(folder)  # it died between the two renames
    for remains in (draft, old):
        shutil.rmtree(remains, ignore_errors=True)
    draft.mkdir(private_files.OF_FOLDERS)
    try:
        for name, content in files.items():
            private_files.write(draft / name, content)
        if folder.exists():
            folder.rename(old)
        draft.rename(folder)
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
