"""Copies the parts of a home, each as of one moment, while other processes work on it.

`copy_home` takes what is needed to try something; a backup takes more, see `backup`.
"""

import shutil
from pathlib import Path

from mlreg_dagster.config.places import (
    artifacts_root,
    latest_root,
    registry_file,
    registry_url,
)
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.operations.kept_tables import tables_kept
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.database.sqlite import file_of
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.folders import is_local, open_folder


class NotCopied(MlregError):
    """A home that can't be copied; nothing of it was changed."""


def copy_home(home: Path, target: Path) -> None:
    """Copy registry, tables, their mirror, bundles and the newest hour. Processes that work on the home may go on.

    Args:
        home: The data home; variables that name a registry or bundles elsewhere are followed.
        target: The copy, which is not there yet; it keeps everything itself.

    Raises:
        NotCopied: There is no home.
        RegistryUnavailable, SchemaMismatch: The registry can't be read.
        WarehouseBusy: A process kept the tables.
        StorageFull, StorageNotWritable, StorageDamaged: A disk or file is at fault.
    """
    registry, artifacts, latest = registry_of(home), open_folder(artifacts_root(home)), open_folder(latest_root(home))
    private_files.make_folder(target)
    with explained(target):
        registry.copy_to(registry_file(target))
        for name, folder in {"artifacts": artifacts, "latest": latest}.items():
            if is_local(folder) and Path(folder.path).is_dir():
                shutil.copytree(Path(folder.path), target / name)
            elif not is_local(folder):
                folder.fs.get(folder.path, str(target / name), recursive=True)
        with tables_kept(home) as tables:
            tables.copy_to(target)
            tables.mirror_in(target)


def registry_of(home: Path) -> Registry:
    """The registry of a home; one that is not there is not made.

    Raises:
        NotCopied: There is none.
    """
    from sqlalchemy import make_url

    text = registry_url(home)
    url = make_url(text)
    file = file_of(url) if url.get_backend_name() == "sqlite" else None
    if file is not None and not file.is_file():
        raise NotCopied(f"There is no registry in {file}. Let MLREG_HOME name the home that is to be copied.")
    return Registry(text)
