"""What a home remembers of its newest backup, for the doctor to compare with what it holds now."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from mlreg_dagster.operations.backup.manifest import Manifest
from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.regular_files import OddFile

_FILE, _LARGEST = "newest-backup.json", 1 << 20
SNAPSHOTS = "market_snapshot"


class Newest(BaseModel):
    """The newest backup of a home.

    Attributes:
        backup: Where it was put.
        made_at: The time of its registry and tables.
        audit_sequence: Of its newest record.
        versions: That it holds.
        newest_hour: Of its snapshots; None without any.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    backup: str
    made_at: AwareDatetime
    audit_sequence: int
    versions: tuple[str, ...]
    newest_hour: datetime | None


def remember(home: Path, backup: Path, manifest: Manifest) -> None:
    """Let the home know of a backup that is whole."""
    snapshots = manifest.tables.get(SNAPSHOTS)
    newest = Newest(
        backup=str(backup),
        made_at=manifest.made_at,
        audit_sequence=manifest.head[0],
        versions=manifest.versions,
        newest_hour=snapshots.newest if snapshots else None,
    )
    draft = home / f"{_FILE}.draft"
    with explained(home):
        private_files.write(draft, newest.model_dump_json(indent=1).encode())
        draft.replace(home / _FILE)


def newest_of(home: Path) -> Newest | None:
    """The newest backup that the home knows of; None without one, or where the note of it can't be read."""
    with suppress(OSError, OddFile, ValidationError):
        return Newest.model_validate_json(regular_files.read(home / _FILE, _LARGEST))
    return None
