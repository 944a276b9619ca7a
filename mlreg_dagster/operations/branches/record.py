"""What a branch remembers of its making: one small file, written once, which also marks its folder as a branch."""

from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict

from mlreg_dagster.config.places import branch_file
from mlreg_dagster.storage import private_files, regular_files
from mlreg_dagster.storage.regular_files import OddFile

FORM = 1
_LARGEST = 1 << 20


class TableState(BaseModel):
    """How much a table held.

    Attributes:
        rows: Their number.
        hours: The number of distinct hours; None of a table that is not hourly.
        newest: The newest hour; None without any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int
    hours: int | None = None
    newest: AwareDatetime | None = None


class BranchRecord(BaseModel):
    """How a branch was made.

    Attributes:
        form: Of this file.
        name: Of the branch.
        source: What it is a snapshot of: `prod`.
        made_at: The time of the snapshot.
        made_by: Requested by.
        reason: Why.
        release: Of this package.
        audit_sequence: Of the newest audit record that it has in common with its source.
        audit_hash: Of the same record.
        versions: That it began with.
        tables: What they held.
        configs: SHA-256 of each section of the configuration in force, by name.
        artifacts: How it has the bundles of its source: `linked`, or the folder or URL that it reads them from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: int
    name: str
    source: str
    made_at: AwareDatetime
    made_by: str
    reason: str
    release: str
    audit_sequence: int
    audit_hash: str
    versions: tuple[str, ...]
    tables: dict[str, TableState]
    configs: dict[str, str]
    artifacts: str


def read_record(folder: Path) -> BranchRecord:
    """The record in a branch's folder.

    Raises:
        OSError, OddFile, ValueError: There is none, or it can't be read.
    """
    record = BranchRecord.model_validate_json(regular_files.read(branch_file(folder), _LARGEST))
    if record.form != FORM:
        raise ValueError(f"its form is {record.form}, and this release reads {FORM}")
    return record


def write_record(folder: Path, record: BranchRecord) -> None:
    """Write the record into a branch's folder, which has none yet."""
    private_files.write(branch_file(folder), record.model_dump_json(indent=1).encode() + b"\n")


def newest_of_snapshot(home: Path) -> dict[str, datetime]:
    """By table the newest hour that a branch took from production; nothing of a home that is no branch."""
    try:
        tables = read_record(home).tables
    except (OSError, OddFile, ValueError):  # no branch
        return {}
    return {name: state.newest for name, state in tables.items() if state.newest is not None}
