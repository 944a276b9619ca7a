"""Makes a branch: a dated snapshot of production in a folder of its own, whole or not at all.

Tables are copied. Bundles, payloads and mirrors get second names, as none of their files is ever changed in place;
bundles on another disk or an object store are read from there. What production's servers log, its API keys, its backups
and its Dagster's runs are not taken: a branch has its own.
"""

import hashlib
import os
from pathlib import Path

from mlreg_dagster.config import Settings
from mlreg_dagster.config.places import (
    artifacts_root,
    branches_root,
    latest_root,
    own_registry_url,
    registry_file,
    warehouse_file,
)
from mlreg_dagster.core.version import __version__
from mlreg_dagster.operations.backup.creation import copy_bundles
from mlreg_dagster.operations.backup.drafts import draft_of
from mlreg_dagster.operations.branches.finding import (
    PROD,
    WORK,
    Branch,
    BranchRefused,
    require_name,
    require_not_branch,
)
from mlreg_dagster.operations.branches.record import FORM, BranchRecord, write_record
from mlreg_dagster.operations.branches.tables import table_states
from mlreg_dagster.operations.file_copy import copy_folder
from mlreg_dagster.operations.home_copy import copy_payloads, registry_of
from mlreg_dagster.operations.kept_tables import tables_kept
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.registry.audit import canonical_json
from mlreg_dagster.registry.errors import RegistryTampered
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.artifacts.borrowing_store import borrow
from mlreg_dagster.storage.folders import is_local, open_folder
from mlreg_dagster.storage.homes import DAGSTER_YAML
from mlreg_dagster.storage.warehouse.duckdb_access import connect
from mlreg_dagster.storage.warehouse.reader import WarehouseReader

LINKED = "linked"


def create(home: Path, name: str, by: Attribution, settings: Settings) -> Branch:
    """Make a branch of a home. Processes that work on the home may go on, and nothing of it is changed.

    Registry and tables are of one moment, since the tables are kept while both are copied.

    Args:
        home: Production; variables that name a registry or artifacts elsewhere are followed.
        name: Of the branch.
        by: Who makes it, when and why.
        settings: The configuration in force, whose sections are remembered by their hashes.

    Raises:
        BranchRefused: The home is a branch itself, or the name is none or taken.
        BackupBusy: Another process makes or deletes a branch.
        NotCopied: There is no home.
        RegistryTampered: The registry does not fit its audit log.
        InvalidRecord: An actor or a reason of a forbidden form.
        WarehouseBusy, RegistryUnavailable, SchemaMismatch: A part of the home can't be read.
        StorageFull, StorageNotWritable, StorageDamaged: A disk or file is at fault.
    """
    require_not_branch(home)
    target = branches_root(home) / require_name(name)
    by = by.checked()
    if os.path.lexists(target):
        raise BranchRefused(
            f"{target} is there already. Choose another name, or delete that branch first: mlreg branch delete {name}"
        )
    registry = registry_of(home)
    with draft_of(target, WORK) as draft:
        with tables_kept(home) as tables:
            registry.copy_to(registry_file(draft))
            tables.copy_to(draft)
            tables.mirror_in(draft)
        copied = Registry(own_registry_url(draft))
        if broken := copied.find_tampering():
            raise RegistryTampered(
                f"The registry does not fit its audit log: {broken} No branch was made of it; see docs/runbook.md."
            )
        artifacts, left_out = _take_artifacts(home, draft, copied)
        _take_files(home, draft)
        record = _record(name, by, copied, draft, settings, artifacts)
        _remember_origin(copied, record, left_out, by)
        dagster_home = draft / "dagster"
        private_files.make_folder(dagster_home)
        private_files.write(dagster_home / "dagster.yaml", DAGSTER_YAML.encode())
        write_record(draft, record)
    return Branch(name, target, record)


def section_hashes(settings: Settings) -> dict[str, str]:
    """SHA-256 of each section of the configuration, by the name of its file."""
    sections = settings.model_dump(mode="json")
    sections |= sections.pop("models")
    return {
        name: hashlib.sha256(canonical_json({"": content}).encode()).hexdigest()
        for name, content in sorted(sections.items())
    }


def _take_artifacts(home: Path, draft: Path, copied: Registry) -> tuple[str, list[str]]:
    """Share the bundles; gives how, and the versions whose bundles no record names."""
    root, folder = artifacts_root(home), draft / "artifacts"
    private_files.make_folder(folder)
    place = open_folder(root)
    if is_local(place) and _on_one_disk(Path(place.path), folder):
        left_out = copy_bundles(open_artifacts(root), folder, copied, link=True)
        return LINKED, [name.rpartition("/")[2] for name in left_out]
    borrow(folder, root)
    return root, []


def _on_one_disk(source: Path, folder: Path) -> bool:
    return not source.exists() or source.stat().st_dev == folder.stat().st_dev


def _take_files(home: Path, draft: Path) -> None:
    copy_payloads(home, draft / "raw", link=True)
    latest = open_folder(latest_root(home))
    if is_local(latest):  # elsewhere: the branch's next hourly run writes its own
        copy_folder(Path(latest.path), draft / "latest", link=True)


def _record(
    name: str, by: Attribution, copied: Registry, draft: Path, settings: Settings, artifacts: str
) -> BranchRecord:
    tables, (sequence, digest) = warehouse_file(draft), copied.audit_head()
    if tables.exists():
        with connect(tables) as connection:
            connection.execute("CHECKPOINT")  # what lies in the log beside the file is in the file afterwards
    with WarehouseReader(tables).tables() as copy:
        states = table_states(copy)
    return BranchRecord(
        form=FORM,
        name=name,
        source=PROD,
        made_at=by.time,
        made_by=by.actor,
        reason=by.reason,
        release=__version__,
        audit_sequence=sequence,
        audit_hash=digest,
        versions=tuple(version.version for version in copied.versions()),
        tables=states,
        configs=section_hashes(settings),
        artifacts=artifacts,
    )


def _remember_origin(copied: Registry, record: BranchRecord, left_out: list[str], by: Attribution) -> None:
    """Add to the branch's own log that it is a copy from here on; names of versions in the making stay taken."""
    branch = {"name": record.name, "source": record.source, "made_at": record.made_at.isoformat()}
    facts = {
        "branch": branch | {"audit_head": [record.audit_sequence, record.audit_hash]},
        "last_common_record": record.audit_sequence,
        "lost": 0,
        "lost_records": [],
        "lost_versions": left_out,
    }
    copied.record_restore(facts, by)
