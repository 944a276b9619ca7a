"""Makes a backup of a home at work: all parts that nothing else could make again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout
from sqlalchemy import make_url

from mlreg_dagster.config.places import (
    artifacts_root,
    is_branch,
    own_registry_url,
    registry_file,
    registry_url,
    warehouse_file,
)
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.version import __version__
from mlreg_dagster.datasets.freezing import TRAINING
from mlreg_dagster.models.artifacts.files import MODELS
from mlreg_dagster.operations.backup.drafts import BackupBusy, draft_of
from mlreg_dagster.operations.backup.manifest import (
    FORM,
    Manifest,
    TableEntry,
    entries_of,
    write_manifest,
)
from mlreg_dagster.operations.backup.newest import remember
from mlreg_dagster.operations.file_copy import copy_folder
from mlreg_dagster.operations.home_copy import NotCopied, copy_payloads, registry_of, write_bundle
from mlreg_dagster.operations.kept_tables import tables_kept
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.errors import RegistryTampered
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.artifacts import ArtifactError, ArtifactStore, open_artifacts
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.prediction_log import Layout, layout_of
from mlreg_dagster.storage.warehouse.duckdb_access import connect
from mlreg_dagster.storage.warehouse.reader import time_column
from mlreg_dagster.storage.warehouse.table_copy import table_names

_PATIENCE_S = 60.0


class NotABackupFolder(MlregError):
    """A folder in which no backup can be kept."""


def create(home: Path, folder: Path, *, link: bool = True) -> tuple[Path, Manifest]:
    """Make a backup; whatever happens, the folder holds it whole or not at all.

    Registry and tables are of one moment, since the tables are kept while both are copied. Bundles are copied after the
    registry that names them, and the prediction log stays still until the tables are copied.

    Args:
        home: The data home; variables that name a registry or artifacts elsewhere are followed.
        folder: That holds backups; it is made, and lies outside of the home.
        link: Give files that never change a second name, where they lie on the same disk.

    Returns:
        Where the backup is, and its manifest.

    Raises:
        NotCopied: There is no home, or it is a branch.
        NotABackupFolder: The folder lies in the home.
        BackupBusy: Another backup is made in the folder, or the prediction log stayed busy.
        RegistryTampered: The registry does not fit its audit log.
        WarehouseBusy, RegistryUnavailable, SchemaMismatch: A part of the home can't be read.
        StorageFull, StorageNotWritable, StorageDamaged: A disk or file is at fault.
    """
    if is_branch(home):
        raise NotCopied(
            f"{home} is a branch, and backups are made of production. Keep what is worth it with mlreg branch send."
        )
    began, made_at = time.monotonic(), datetime.now(UTC)
    folder = folder.expanduser().absolute()
    if folder.resolve().is_relative_to(home.resolve()):
        raise NotABackupFolder(f"{folder} lies in the home {home}, and would be lost with it. Name a folder elsewhere.")
    registry, artifacts = registry_of(home), open_artifacts(artifacts_root(home))
    target = folder / f"{made_at:%Y%m%dT%H%M%S.%fZ}"
    with draft_of(target) as draft:
        with _prediction_log_kept(layout_of(home)):
            _copy_prediction_log(layout_of(home), layout_of(draft), link)
            with tables_kept(home) as tables:
                registry.copy_to(registry_file(draft))
                tables.copy_to(draft)
        copied = Registry(own_registry_url(draft))
        if broken := copied.find_tampering():
            raise RegistryTampered(
                f"The registry does not fit its audit log: {broken} No backup was made of it; see docs/runbook.md, and "
                f"keep a plain copy of its file as evidence."
            )
        left_out = copy_bundles(artifacts, draft / "artifacts", copied, link)
        copy_payloads(home, draft / "raw", link=link)
        sequence, digest = copied.audit_head()
        manifest = Manifest(
            form=FORM,
            made_at=made_at,
            home=str(home),
            release=__version__,
            registry=make_url(registry_url(home)).get_backend_name(),
            audit_head=f"{sequence}:{digest}",
            versions=tuple(version.version for version in copied.versions()),
            tables=_tables(warehouse_file(draft)),
            damaged=tuple(_damaged(copied, open_artifacts(str(draft / "artifacts")))),
            left_out=left_out,
            files=entries_of(draft),
            seconds=round(time.monotonic() - began, 3),
        )
        write_manifest(draft, manifest)
    remember(home, target, manifest)
    return target, manifest


@contextmanager
def _prediction_log_kept(log: Layout) -> Iterator[None]:
    """Keep answers from being moved from segments into the tables meanwhile."""
    if not log.root.is_dir():
        yield
        return
    try:
        with FileLock(log.compaction_lock, _PATIENCE_S, mode=private_files.OF_FILES):
            yield
    except Timeout:
        raise BackupBusy(
            f"Another process has stored answers of {log.root} for more than {_PATIENCE_S:g} s; no backup was made. "
            f"Wait until it ends, then run this again."
        ) from None


def _copy_prediction_log(log: Layout, copy: Layout, link: bool) -> None:
    """In the order in which answers move: none is missed, and one that is copied twice is stored once."""
    copy_folder(log.open, copy.open, growing=True)
    for name in ("sealed", "stored", "hours"):
        copy_folder(log.root / name, copy.root / name, link=link)
    for other in sorted(log.root.iterdir()) if log.root.is_dir() else ():
        if other.is_dir() and not other.is_symlink() and not (copy.root / other.name).exists():
            copy_folder(other, copy.root / other.name, growing=True)


def copy_bundles(store: ArtifactStore, copy: Path, registry: Registry, link: bool) -> tuple[str, ...]:
    """Copy every bundle but models that the registry does not know, which it gives."""
    known = {version.version for version in registry.versions()} | registry.lost_versions()
    left_out = []
    for kind in store.kinds():
        for key in store.keys(kind):
            if kind == MODELS and key not in known:
                left_out.append(f"{kind}/{key}")
            elif store.local is not None:
                copy_folder(store.local / kind / key, copy / kind / key, link=link)
            else:
                try:
                    write_bundle(copy / kind / key, store, kind, key)
                except ArtifactError:  # it is named with those that are damaged
                    continue
    return tuple(left_out)


def _damaged(registry: Registry, copy: ArtifactStore) -> Iterator[str]:
    """What is wrong with the bundles that the registry names; it was so in the home."""
    versions = registry.versions()
    named = {(MODELS, version.version): version.artifact_sha256 for version in versions}
    named |= {(TRAINING, version.dataset_day): version.dataset_sha256 for version in versions}
    for (kind, key), sha256 in named.items():
        try:
            copy.read(kind, key, sha256)
        except ArtifactError:
            yield f"{kind}/{key} is missing, or not what was frozen"


def _tables(file: Path) -> dict[str, TableEntry]:
    """Rows and newest partition of each table; what the log beside the file holds is in the file afterwards."""
    if not file.exists():
        return {}
    with explained(file):
        connection = connect(file)
        try:
            connection.execute("CHECKPOINT")
            return {name: _table(connection, name) for name in table_names(connection)}
        finally:
            connection.close()


def _table(connection: duckdb.DuckDBPyConnection, name: str) -> TableEntry:
    columns = "SELECT column_name FROM duckdb_columns() WHERE table_name = $name AND data_type LIKE 'TIMESTAMP%'"
    times = {column for (column,) in connection.execute(columns, {"name": name}).fetchall()}
    time = time_column(times)
    partition = "NULL" if time is None else f'epoch(max("{time}"))'
    sql = f'SELECT count(*), {partition} FROM "{name}"'  # noqa: S608 - our own names
    rows, newest = connection.execute(sql).fetchall()[0]
    return TableEntry(rows=rows, newest=None if newest is None else datetime.fromtimestamp(newest, UTC))
