"""The manifest of a backup: what it holds, of when, and the hash of each file; and the verification against it."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from mlreg_dagster.config.places import own_registry_url, registry_file
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.registry import Registry, SchemaOutdated
from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.regular_files import OddFile

FORM = 1
NAME, SUM = "manifest.json", "manifest.json.sha256"
_LARGEST_FILE, _LARGEST_MANIFEST = 1 << 44, 1 << 28
_PIECE = 1 << 20
_SHOWN = 3


class NoBackup(MlregError):
    """A folder that is no backup."""


class BackupDamaged(MlregError):
    """A backup that is not as it was made."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Part):
    """A file of a backup.

    Attributes:
        bytes: Its size.
        sha256: The hash of its content.
    """

    bytes: int
    sha256: str


class TableEntry(_Part):
    """A table of a backup.

    Attributes:
        rows: How many.
        newest: Its newest hour or day; None where it has no rows, or neither.
    """

    rows: int
    newest: datetime | None


class Manifest(_Part):
    """What a backup holds.

    Attributes:
        form: Of the manifest.
        made_at: The time of registry and tables, UTC.
        seconds: How long it took to make.
        home: Of which home.
        release: That made it.
        registry: The kind of database that the registry was in.
        audit_head: `SEQUENCE:HASH` of the newest record.
        versions: Every version of the registry.
        tables: By name.
        damaged: What was wrong in the home already, as sentences: bundles that are missing or changed.
        left_out: Model bundles that the registry does not know: of a training that died or was at work.
        files: By path within the backup.
    """

    form: int
    made_at: AwareDatetime
    seconds: float
    home: str
    release: str
    registry: str
    audit_head: str
    versions: tuple[str, ...]
    tables: dict[str, TableEntry]
    damaged: tuple[str, ...]
    left_out: tuple[str, ...]
    files: dict[str, FileEntry]

    @property
    def head(self) -> tuple[int, str]:
        """Sequence and hash of the newest record of the audit log."""
        sequence, _, digest = self.audit_head.partition(":")
        return int(sequence), digest

    @property
    def size(self) -> int:
        """Bytes of all files; those with a second name elsewhere take no room."""
        return sum(entry.bytes for entry in self.files.values())


def entries_of(backup: Path) -> dict[str, FileEntry]:
    """Size and hash of each file of a backup, but for its manifest's.

    Raises:
        OddFile: It holds something other than files and folders.
    """
    return {name: _entry(backup / name) for name in _names(backup)}


def write_manifest(backup: Path, manifest: Manifest) -> None:
    """Write the manifest, and its hash beside it."""
    content = manifest.model_dump_json(indent=1).encode()
    private_files.write(backup / NAME, content)
    private_files.write(backup / SUM, f"{hashlib.sha256(content).hexdigest()}  {NAME}\n".encode())


def read_manifest(backup: Path) -> Manifest:
    """The manifest of a backup.

    Raises:
        NoBackup: There is none.
        BackupDamaged: It is not as it was written, or of a newer release.
    """
    try:
        with explained(backup):
            content = regular_files.read(backup / NAME, _LARGEST_MANIFEST)
            known = regular_files.read(backup / SUM, _LARGEST_MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        raise NoBackup(
            f"{backup} is no backup: {NAME} or {SUM} is not in it. Name a folder that mlreg backup create made."
        ) from None
    except OddFile as error:
        raise _damaged(backup, [str(error)]) from error
    if known.split()[:1] != [hashlib.sha256(content).hexdigest().encode()]:
        raise _damaged(backup, [f"{NAME} does not have the hash that {SUM} names"])
    try:
        manifest = Manifest.model_validate_json(content)
        manifest.head  # noqa: B018 - its form
    except (ValidationError, ValueError):
        raise _damaged(backup, [f"{NAME} has another form than {FORM}; a newer release may have made it"]) from None
    return manifest


def verify(backup: Path, shown: Path | None = None) -> Manifest:
    """Compare every file of a backup with its manifest, and its registry with its audit log.

    Args:
        backup: Which one.
        shown: What messages call it; None: its own path.

    Raises:
        NoBackup: It is none.
        BackupDamaged: Something is not as it was made; the first few things are named.
    """
    manifest = read_manifest(backup)
    with explained(backup):
        if differing := list(_differing(backup, manifest.files)):
            more = f"{len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
            raise _damaged(shown or backup, [*differing[:_SHOWN], *filter(None, [more])])
    try:
        broken = Registry(own_registry_url(backup)).find_tampering([manifest.head])
    except SchemaOutdated:  # its bytes are as they were; it is verified when it is upgraded
        broken = None
    if broken:
        raise _damaged(shown or backup, [f"{registry_file(backup).name} does not fit its audit log: {broken}"])
    return manifest


@dataclass(frozen=True)
class Listed:
    """A folder among backups.

    Attributes:
        path: Where it is.
        state: `whole` by its manifest, or what is wrong, as a sentence.
        manifest: None where it is not whole.
    """

    path: Path
    state: str
    manifest: Manifest | None


def listed(folder: Path) -> list[Listed]:
    """The backups of a folder, the newest first; their files are not read."""
    found = []
    for path in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
        if path.name.startswith(".") or not path.is_dir():
            continue
        try:
            found.append(Listed(path, "whole", read_manifest(path)))
        except (NoBackup, BackupDamaged) as error:
            found.append(Listed(path, str(error), None))
    return found


def _differing(backup: Path, files: dict[str, FileEntry]) -> Iterator[str]:
    found = set(_names(backup))
    yield from (f"{name} is missing" for name in sorted(files.keys() - found))
    yield from (f"{name} was not part of it" for name in sorted(found - files.keys()))
    for name, entry in files.items():
        if name not in found:
            continue
        try:
            if (backup / name).lstat().st_size != entry.bytes or _entry(backup / name) != entry:
                yield f"{name} has changed"
        except OddFile as error:
            yield str(error).rstrip(".")


def _names(backup: Path) -> list[str]:
    found = []
    for folder, below, names in os.walk(backup):
        links = [name for name in below if Path(folder, name).is_symlink()]
        found += [str(Path(folder, name).relative_to(backup)) for name in (*names, *links)]
    return sorted(set(found) - {NAME, SUM})


def _entry(file: Path) -> FileEntry:
    digest, size = hashlib.sha256(), 0
    with regular_files.opened(file, _LARGEST_FILE) as content:
        while piece := content.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return FileEntry(bytes=size, sha256=digest.hexdigest())


def _damaged(backup: Path, what: list[str]) -> BackupDamaged:
    return BackupDamaged(
        f"The backup {backup} is not as it was made: {'; '.join(what)}. Nothing was changed. Use another backup: "
        f"mlreg backup list {backup.parent} shows them."
    )
