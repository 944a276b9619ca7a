"""Which hours of two frozen datasets differ, by the hashes that their lineages keep of each hour's rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mlreg_dagster.core.times import read_hour

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class HoursCompared:
    """The hours of two datasets.

    Attributes:
        left: How many the left one has.
        right: How many the right one has.
        same: How many both have with the same rows.
        added: Those that the right one has alone, ascending.
        dropped: Those that the left one has alone.
        changed: Those that both have with other rows, by their hash.
        rows_added: Rows of the added hours, in the right one.
        rows_dropped: Rows of the dropped hours, in the left one.
    """

    left: int
    right: int
    same: int
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    changed: tuple[str, ...]
    rows_added: int
    rows_dropped: int


@dataclass(frozen=True)
class Stretch:
    """Hours that follow each other."""

    first: datetime
    last: datetime
    hours: int


def compare_hours(left: Mapping[str, Any], right: Mapping[str, Any]) -> HoursCompared | None:
    """Hold the hours of two lineages against each other.

    Args:
        left: The lineage of a dataset.
        right: That of the other one.

    Returns:
        None where one of them was frozen before lineages kept hours.
    """
    before, after = left.get("hours"), right.get("hours")
    if before is None or after is None:
        return None
    both = before.keys() & after.keys()
    changed = sorted(hour for hour in both if before[hour]["sha256"] != after[hour]["sha256"])
    added, dropped = sorted(after.keys() - both), sorted(before.keys() - both)
    return HoursCompared(
        left=len(before),
        right=len(after),
        same=len(both) - len(changed),
        added=tuple(added),
        dropped=tuple(dropped),
        changed=tuple(changed),
        rows_added=sum(after[hour]["rows"] for hour in added),
        rows_dropped=sum(before[hour]["rows"] for hour in dropped),
    )


def stretches(hours: Sequence[str]) -> list[Stretch]:
    """Ascending hours as stretches without a gap."""
    found: list[Stretch] = []
    for hour in map(read_hour, hours):
        if found and hour - found[-1].last == _HOUR:
            found[-1] = Stretch(found[-1].first, hour, found[-1].hours + 1)
        else:
            found.append(Stretch(hour, hour, 1))
    return found
