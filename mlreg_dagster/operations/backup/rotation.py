"""Which backups of a folder are no longer kept: the last one of each day and week stays, for so many of them."""

import shutil
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from mlreg_dagster.config.sections.backups import BackupSettings
from mlreg_dagster.operations.backup.drafts import LOCK, BackupBusy, draft_name
from mlreg_dagster.operations.backup.manifest import Listed, listed
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained

Made = tuple[datetime, Path]


def no_longer_kept(backups: Iterable[Listed], home: Path, settings: BackupSettings) -> list[Path]:
    """The backups that may go, the oldest first.

    Those of other homes and those that are not whole are never among them: people decide on these. All backups of the
    newest day stay.

    Args:
        backups: What is in the folder.
        home: Whose backups are judged.
        settings: How many days and weeks are kept.
    """
    made = sorted(
        (each.manifest.made_at.astimezone(UTC), each.path)
        for each in backups
        if each.manifest is not None and Path(each.manifest.home) == home
    )
    if not made:
        return []
    kept = {path for time, path in made if time.date() == made[-1][0].date()}
    kept |= _last_of_each(made, lambda time: time.date(), settings.keep_days)
    kept |= _last_of_each(made, lambda time: time.isocalendar()[:2], settings.keep_weeks)
    return [path for _, path in made if path not in kept]


def rotate(folder: Path, home: Path, settings: BackupSettings) -> list[Path]:
    """Remove the backups that are no longer kept; one that is killed meanwhile leaves no half backup under a name.

    Args:
        folder: That holds backups.
        home: Whose.
        settings: How many days and weeks are kept.

    Returns:
        What was removed.

    Raises:
        BackupBusy: Another process makes or restores a backup in the folder.
        StorageNotWritable: The folder can't be written.
    """
    try:
        with explained(folder), FileLock(folder / LOCK, timeout=0, mode=private_files.OF_FILES):
            gone = no_longer_kept(listed(folder), home, settings)
            for path in gone:
                shutil.rmtree(path.rename(path.with_name(draft_name(path))))
            return gone
    except Timeout:
        raise BackupBusy(f"Another process makes or restores a backup in {folder}. No backup was removed.") from None


def _last_of_each(made: Sequence[Made], span: Callable[[datetime], Hashable], most: int) -> set[Path]:
    last = {span(time): path for time, path in made}
    return set(list(last.values())[-most:])
