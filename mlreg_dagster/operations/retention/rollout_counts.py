"""What is old of the counts that servers keep while a rollout is open: those of rollouts that ended long ago."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mlreg_dagster.operations.retention.ages import old_before
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.faults import explained
from mlreg_dagster.storage.rollout_counts import counted_rollouts

_LONGEST_PAUSE = pd.Timedelta(days=31)  # some users run a home by hand, once a month


def old_counts(home: Path, registry: Registry, days: int | None, now: pd.Timestamp) -> list[Path]:
    """The folders of rollouts that ended more than some days ago; what the registry does not know stays.

    Ages are counted in the times of the registry's records.

    Args:
        home: The data home.
        registry: Knows which rollouts ended, and when.
        days: For how long counts are kept; None: for ever.
        now: The machine's time.
    """
    counted = counted_rollouts(home)
    if not days or not counted:
        return []
    ended = {
        (alias, event.rollout): pd.Timestamp(event.recorded_at)
        for alias in {alias for alias, _, _ in counted}
        for event in registry.traffic_history(alias)
        if not event.is_open
    }
    before = old_before(_times(registry), now, days, _LONGEST_PAUSE)
    if before is None:
        return []
    return [folder for alias, number, folder in counted if ended.get((alias, number), before) < before]


def remove(folders: Iterable[Path]) -> None:
    """Remove them, with all that lies in them."""
    for folder in folders:
        with explained(folder):
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder)


def _times(registry: Registry) -> list[pd.Timestamp]:
    """When anything was recorded."""
    contents = (json.loads(record.content) for record in registry.audit_log())
    return [pd.Timestamp(time) for each in contents if (time := each.get("recorded_at") or each.get("created_at"))]
