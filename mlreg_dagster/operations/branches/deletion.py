"""Deletes a branch: it is gone at once under its name, and a line of it stays with production."""

import json
import os
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from mlreg_dagster.config.places import branches_root, own_registry_url
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.operations.backup.drafts import LOCK, BackupBusy, draft_name, drafts_in
from mlreg_dagster.operations.branches.finding import (
    DELETED,
    WORK,
    Branch,
    BranchRefused,
    find_branch,
    require_not_branch,
)
from mlreg_dagster.orchestration.locks.daemon import DaemonRunsAlready, daemon_kept_out
from mlreg_dagster.orchestration.locks.lifecycle import HomeInUse, alone_on
from mlreg_dagster.registry import Attribution
from mlreg_dagster.registry.read_only import ReadOnlyRegistry
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained


def delete(home: Path, name: str, by: Attribution) -> Branch:
    """Delete a branch. Its files that are production's, too, keep their names there; links are not followed.

    Args:
        home: Production.
        name: Of the branch.
        by: Who deletes it, when and why.

    Raises:
        UnknownBranch: There is no such branch.
        BranchRefused: The home is a branch itself, or a process works on the branch.
        BackupBusy: Another process makes or deletes a branch.
        StorageFull, StorageNotWritable: The disk or folder is at fault.
    """
    require_not_branch(home)
    by = by.checked()
    find_branch(home, name)
    root = branches_root(home)
    try:
        with explained(root), FileLock(root / LOCK, timeout=0, mode=private_files.OF_FILES):
            for left in drafts_in(root):  # of processes that died
                shutil.rmtree(left)
            branch = find_branch(home, name)
            _require_idle(branch)
            _note(root, branch, by)
            doomed = root / draft_name(branch.home)
            branch.home.rename(doomed)
            shutil.rmtree(doomed)
    except Timeout:
        raise BackupBusy(f"Another process {WORK} in {root}. Wait until it has ended, then run this again.") from None
    return branch


def deleted_versions(home: Path) -> set[str]:
    """The versions that branches had made which are deleted; their numbers stay taken."""
    try:
        lines = (branches_root(home) / DELETED).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return set()
    found: set[str] = set()
    for line in lines:
        try:
            found.update(map(str, json.loads(line)["versions"]))
        except (ValueError, LookupError, TypeError):  # cut by a crash: its branch is still there
            continue
    return found


def _require_idle(branch: Branch) -> None:
    try:
        with alone_on(branch.home), daemon_kept_out(branch.home / "dagster"):
            pass
    except (HomeInUse, DaemonRunsAlready) as error:
        raise BranchRefused(f"A process works on the branch {branch.name}, and nothing was deleted: {error}") from error


def _note(root: Path, branch: Branch, by: Attribution) -> None:
    line = {
        "name": branch.name,
        "made_at": branch.made_at.isoformat(),
        "deleted_at": by.time.isoformat(),
        "deleted_by": by.actor,
        "reason": by.reason,
        "versions": _made_in(branch),
    }
    file = root / DELETED
    private_files.make_file(file)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(line) + "\n")
        lines.flush()
        os.fsync(lines.fileno())


def _made_in(branch: Branch) -> list[str]:
    """The versions that the branch made; those that can't be read are not known."""
    try:
        versions = ReadOnlyRegistry(own_registry_url(branch.home)).versions()
    except MlregError:
        return []
    return [each.version for each in versions if each.version not in branch.record.versions]
