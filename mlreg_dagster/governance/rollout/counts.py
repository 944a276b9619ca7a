"""The counts of servers that belong to a rollout. Their form is `storage.rollout_counts`; `budgets` judges them."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from mlreg_dagster.registry import TrafficEvent
from mlreg_dagster.storage.rollout_counts import Counted, read_counts


def counts_of(home: Path, changes: Sequence[TrafficEvent]) -> Counted:
    """What servers counted for a rollout.

    Where an older copy of the registry was put back, numbers of changes come again, and so does the folder. What was
    counted before the change that it names is of an earlier rollout, and left out.

    Args:
        home: The data home.
        changes: Of the rollout, the opening first.
    """
    counted = read_counts(home, changes[0].alias, changes[0].rollout)
    since = {each.sequence: each.effective_at for each in changes}
    kept = (each for each in counted.periods if each.sequence not in since or since[each.sequence] <= each.last)
    return replace(counted, periods=tuple(kept))
