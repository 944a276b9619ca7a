"""Puts a backup in place as a home on another path, and records in its registry that it is a copy."""

import os
from collections.abc import Collection
from pathlib import Path

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.config.places import REGISTRY, own_registry_url, registry_file, warehouse_file
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.governance.people.restored import erase_again
from mlreg_dagster.operations.backup.drafts import draft_of
from mlreg_dagster.operations.backup.manifest import NAME, SUM, Manifest, read_manifest, verify
from mlreg_dagster.operations.file_copy import copy_folder
from mlreg_dagster.operations.recovery import record_backup
from mlreg_dagster.registry import Attribution, Registry, Restore
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse


class HomeTaken(MlregError):
    """Something lies where a backup is to be put."""


def restore_backup(
    backup: Path,
    home: Path,
    by: Attribution,
    policy: PromotionSettings,
    key: Path | None = None,
    server: str | None = None,
    erased: Collection[str] = (),
) -> tuple[Manifest, Restore]:
    """Put a backup in place; it is copied, verified and recorded before the home gets its name.

    Args:
        backup: Which one; it stays as it is.
        home: Not there yet, or an empty folder.
        by: Who restores it, when and why.
        policy: Who may decide, where the registry has no policy of its own yet.
        key: The file of the actor's private key, if they have one.
        server: The URL of the empty database that gets the registry; None: it stays a file in the home.
        erased: The ids of people who were erased since the backup was made; their names are erased in the home, too.

    Raises:
        NoBackup, BackupDamaged: It is no backup, or not as it was made.
        HomeTaken: There is something in the home.
        BackupBusy: Another process restores a backup beside it.
        DecisionRefused: People are named, and the actor is none of them or does not sign.
        RegistryNotEmpty, RegistryUnavailable: The server can't take it.
        StorageFull, StorageNotWritable, StorageDamaged: A disk or file is at fault; there is no home.
    """
    read_manifest(backup)
    home = home.expanduser().absolute()
    if home.is_symlink() or (home.exists() and not (home.is_dir() and not any(home.iterdir()))):
        raise HomeTaken(
            f"{home} is not empty, and nothing is ever overwritten. Name another path, or stop everything that works "
            f"on it and move it away: mv {home} {home}.before"
        )
    with draft_of(home) as draft:
        copy_folder(backup, draft)
        manifest = verify(draft, shown=backup)
        for name in (NAME, SUM):
            (draft / name).unlink()
        registry = Registry(own_registry_url(draft))
        registry.upgrade()
        restored = record_backup(registry, manifest.made_at, manifest.head, _unregistered(manifest), by, policy, key)
        erase_again(registry, erased, by)
        DuckDBWarehouse(warehouse_file(draft)).mirror_again()  # which a backup does without: the tables have it all
        if server is not None:
            Registry(server).load_from(registry_file(draft))
            registry_file(draft).unlink()
    return manifest, restored


def _unregistered(manifest: Manifest) -> list[str]:
    """Versions that were trained, or being trained, and that the backup lacks."""
    return [name.rpartition("/")[2] for name in manifest.left_out]


def server_of_environment() -> str | None:
    """The URL of the server that MLREG_REGISTRY names; None where it names none, or a file.

    Raises:
        HomeTaken: It names a file, which would be used in place of the one that is restored.
    """
    named = os.environ.get(REGISTRY)
    if not named:
        return None
    if named.startswith("postgresql"):
        return named
    raise HomeTaken(
        f"{REGISTRY} names a file, and commands would use it in place of the registry that is restored. Unset it, then "
        f"run this again."
    )
