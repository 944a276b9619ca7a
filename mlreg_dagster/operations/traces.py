"""Finds files that were made with a name before the directory of people knew it, and says what can be done.

It only reads. The registry's own rows are looked at in the registry; here it is files.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mlreg_dagster.registry import Registry

_CHUNK = 1 << 20
_PACKED = frozenset({".zip", ".gz", ".tgz", ".tar", ".zst", ".xz", ".bz2", ".7z"})
_OF_THE_MARKET = frozenset({"raw", "latest", "artifacts", "served"})
"""Top-level names in a home under which packed files hold the market alone; they are searched as they are."""

_ADVICE = (
    ("bundles", "Write it again: mlreg bundle VERSION --out FOLDER; then delete copies that were handed out."),
    (
        "dagster",
        "Dagster's records of runs: delete the runs in its UI, unless they must be kept; then VACUUM its files.",
    ),
    (
        "registry.sqlite",
        "A copy of the registry from before an upgrade or an erasure: delete it once it is not needed.",
    ),
    ("backup", "A backup: delete it at the end of its retention; after a restore from it, erase the name again."),
)
_ELSE = "Delete it, or write it again; it is made from records that hold ids since."


@dataclass(frozen=True)
class Trace:
    """A file that holds a name, or may hold it.

    Attributes:
        file: Where it is.
        is_certain: Whether the name was read in it; a packed file is not opened.
        advice: What to do about it.
    """

    file: Path
    is_certain: bool
    advice: str


def traces_in(folders: Iterable[Path], phrases: Iterable[str]) -> list[Trace]:
    """The files in which one of some texts stands, as whole words in any case.

    Args:
        folders: Where to look, with all that is below.
        phrases: Name and contact.
    """
    pattern = _pattern([phrase for phrase in phrases if phrase])
    longest = max((len(phrase.encode()) for phrase in phrases if phrase), default=0)
    found = []
    for folder in folders:
        for file in sorted(_files(folder)):
            certain = _holds(file, pattern, longest)
            if certain or _may_hold(file.relative_to(folder)):
                found.append(Trace(file, certain, _advice(file)))
    return found


def records_with(registry: Registry, phrases: Iterable[str]) -> list[int]:
    """The sequences of the audit records in which one of some texts stands; they can't be changed."""
    pattern = _pattern([phrase for phrase in phrases if phrase])
    return [record.sequence for record in registry.audit_log() if pattern.search(record.content.encode())]


def _pattern(phrases: list[str]) -> re.Pattern[bytes]:
    words = b"|".join(re.escape(phrase.encode()).replace(rb"\ ", rb"\s+") for phrase in phrases)
    return re.compile(rb"(?<![A-Za-z0-9_])(?:" + (words or rb"(?!)") + rb")(?![A-Za-z0-9_])", re.IGNORECASE)


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _holds(file: Path, pattern: re.Pattern[bytes], longest: int) -> bool:
    """Whether the bytes of a file hold it; read in pieces that overlap."""
    overlap = 2 * longest + 2
    kept = b""
    try:
        with file.open("rb") as opened:
            while piece := opened.read(_CHUNK):
                if pattern.search(kept + piece):
                    return True
                kept = (kept + piece)[-overlap:]
    except OSError:  # gone meanwhile, or not ours to read: it is named as uncertain
        return False
    return False


def _may_hold(path: Path) -> bool:
    return path.suffix.lower() in _PACKED and path.parts[0] not in _OF_THE_MARKET


def _advice(file: Path) -> str:
    return next((advice for word, advice in _ADVICE if any(word in part for part in file.parts[-6:])), _ELSE)
