"""What `mlreg prune` does in a lake: few files, snapshots of some days, and no file that nothing names."""

from collections.abc import Iterator
from functools import partial

import pandas as pd

from mlreg_dagster.core.times import plain
from mlreg_dagster.operations.retention.task import RetentionTask
from mlreg_dagster.storage.warehouse.lake import Lake, upkeep


def lake_tasks(lake: Lake, history_days: int, now: pd.Timestamp) -> Iterator[RetentionTask]:
    """The tasks that are due, one after the other.

    Args:
        lake: Which; it is there.
        history_days: How far back it says what its tables held.
        now: The machine's time. One that is ahead of the times of all commits expires none but those before the newest.
    """
    with lake.connect_read_only() as connection:
        due = [each for each in upkeep.table_files(connection) if each.is_due]
    for each in due:
        words = f"{each.files} files, {each.mergeable} of them small and {each.shrinkable} with many deleted rows"
        yield RetentionTask(f"files of {each.name}", words, partial(upkeep.merge, lake, each.name))
    before = plain(now - pd.Timedelta(days=history_days))
    with lake.connect_read_only() as connection:
        snapshots, kept = upkeep.old_snapshots(connection, before)
    if snapshots:
        words = f"{snapshots} from before {kept:%Y-%m-%d %H:%M}"
        yield RetentionTask("snapshots of the lake", words, partial(upkeep.expire, lake, before))
    with lake.connect_read_only() as connection:
        old, orphans = upkeep.removable(connection, plain(now))
    if old or orphans:
        words = f"{len(old)} that no snapshot needs, {len(orphans)} left by writers that died"
        yield RetentionTask("unused files of the lake", words, partial(upkeep.remove, lake, plain(now)))
