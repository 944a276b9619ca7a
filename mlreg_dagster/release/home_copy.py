"""Copies a home, to try something on it: its registry, tables, bundles and newest hour, each as of one moment.

Logs of the server, raw answers of sources and Dagster's own runs are left out: nothing that is tried needs them.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from mlreg_dagster.config.places import artifacts_root, latest_root, registry_file, registry_url, warehouse_file
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.registry.database.sqlite import file_of
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.folders import is_local, open_folder
from mlreg_dagster.storage.warehouse.reader import WarehouseReader

_PATIENCE_S = 60.0


class NotCopied(MlregError):
    """A home that can't be copied; nothing of it was changed."""


def copy_home(home: Path, target: Path) -> None:
    """Copy a home. Processes that work on it may go on.

    Args:
        home: The data home; variables that name a registry or bundles elsewhere are followed.
        target: The copy, which is not there yet; it keeps everything itself.

    Raises:
        NotCopied: There is no home, or its registry is a server's, damaged, or kept by another process.
        WarehouseBusy: A process kept the tables.
        StorageFull, StorageNotWritable: There is no room for it.
    """
    registry, artifacts, latest = _registry_of(home), open_folder(artifacts_root(home)), open_folder(latest_root(home))
    if not registry.is_file():
        raise NotCopied(f"There is no registry in {registry}. Let MLREG_HOME name the home that is to be copied.")
    private_files.make_folder(target)
    with explained(target):
        _copy_registry(registry, registry_file(target))
        for name, folder in {"artifacts": artifacts, "latest": latest}.items():
            if is_local(folder) and Path(folder.path).is_dir():
                shutil.copytree(Path(folder.path), target / name)
            elif not is_local(folder):
                folder.fs.get(folder.path, str(target / name), recursive=True)
        _copy_tables(warehouse_file(home), warehouse_file(target))


def _registry_of(home: Path) -> Path:
    from sqlalchemy import make_url

    url = make_url(registry_url(home))
    file = file_of(url) if url.get_backend_name() == "sqlite" else None
    if file is None:
        raise NotCopied(
            "The registry is in PostgreSQL, and a change is tried on a copy in a file. Restore a copy of the home that "
            "keeps its registry in registry.sqlite, and let MLREG_HOME name it."
        )
    return file


def _copy_registry(source: Path, target: Path) -> None:
    reader = sqlite3.connect(source, timeout=_PATIENCE_S, isolation_level=None)
    try:
        with closing(reader) as old, closing(sqlite3.connect(target)) as new:
            old.execute("BEGIN")
            old.execute("SELECT count(*) FROM sqlite_master").fetchone()  # `backup` waits for writers for ever
            old.backup(new)
    except sqlite3.Error as error:
        why = f"{source} can't be copied: {error}. Wait for the process that writes it, then try again."
        raise NotCopied(why) from error


def _copy_tables(source: Path, target: Path) -> None:
    with WarehouseReader(source).tables():  # no process writes meanwhile
        for file in (source, source.with_name(f"{source.name}.wal")):
            if file.exists():
                shutil.copy2(file, target.with_name(file.name))
