"""The job that makes a backup and removes those that are no longer kept; retention.yaml alone says where and which."""

from pathlib import Path

import dagster as dg

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError


class NoFolder(MlregError):
    """No folder for backups is configured."""


def build_backup_job(name: str, settings: Settings, home: Path) -> dg.JobDefinition:
    """Back `home` up."""

    @dg.op
    def make_backup(context: dg.OpExecutionContext) -> None:
        from mlreg_dagster.operations.backup.creation import create
        from mlreg_dagster.operations.backup.rotation import rotate

        chosen = settings.retention.backups
        if chosen.folder is None:
            raise NoFolder("retention.yaml names no folder for backups (`backups.folder`). Name one on another disk.")
        made, manifest = create(home, Path(chosen.folder))
        gone = rotate(Path(chosen.folder), home, chosen)
        context.log.info(
            f"{made} holds {len(manifest.files):,} files, {manifest.size:,} bytes, up to record {manifest.audit_head}. "
            f"No longer kept, and removed: {', '.join(path.name for path in gone) or 'none'}."
        )
        if manifest.damaged:
            context.log.warning(f"Damaged in the home already: {'; '.join(manifest.damaged)}. See mlreg doctor.")

    @dg.job(name=name, description="Backs the home up, and removes backups that retention.yaml does not keep.")
    def backup_job() -> None:
        make_backup()

    return backup_job
