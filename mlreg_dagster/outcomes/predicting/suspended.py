"""Which hours no holder of an alias scores, since it was suspended: the state as of the hour, whenever it is scored."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.registry import Registry, Suspension
from mlreg_dagster.registry.records.suspensions import covering, suspended_times
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

Stopped = Mapping[str, Mapping[pd.Timestamp, Suspension]]
"""By alias and hour: the suspension by which no holder scores it."""


def suspended_hours(registry: Registry, tables: Warehouse, hours: pd.DatetimeIndex) -> Stopped:
    """Those of `hours` that no holder scores.

    Args:
        registry: Where suspensions are.
        tables: Where predictions are: the hour that had just ended when an alias was suspended is scored where it had
            been already, so that to run it again changes nothing.
        hours: Consecutive whole hours.
    """
    changes: dict[str, list[Suspension]] = {}
    for change in registry.suspensions():
        changes.setdefault(change.alias, []).append(change)
    return {alias: found for alias, each in changes.items() if (found := _of_alias(alias, each, tables, hours))}


def _of_alias(
    alias: str, changes: Sequence[Suspension], tables: Warehouse, hours: pd.DatetimeIndex
) -> dict[pd.Timestamp, Suspension]:
    times = suspended_times(changes)
    found = {}
    for hour in hours:
        stopped = covering(times, hour)
        if stopped is None and (late := covering(times, hour, is_scored=False)) is not None:
            stopped = None if _is_scored(tables, alias, hour) else late
        if stopped is not None:
            found[hour] = stopped
    return found


def _is_scored(tables: Warehouse, alias: str, hour: pd.Timestamp) -> bool:
    with tables.session():
        return bool((tables.read(PREDICTIONS, hour, hour, columns=["hour", "role"])["role"] == alias).any())


def stopped_versions(registry: Registry, stopped: Stopped) -> dict[pd.Timestamp, set[str]]:
    """The versions that score nothing in an hour, under whichever alias."""
    found: dict[pd.Timestamp, set[str]] = {}
    for alias, by_hour in stopped.items():
        for tenure in registry.tenures(alias, min(by_hour), max(by_hour)):
            for hour in pd.date_range(tenure.first, tenure.last, freq=HOUR):
                if hour in by_hour:
                    found.setdefault(hour, set()).add(tenure.version)
    return found


def in_words(stopped: Stopped) -> list[str]:
    """What is said of them: one sentence for each suspension."""
    sentences = []
    for alias, by_hour in stopped.items():
        for change in _distinct(by_hour.values()):
            own = [hour for hour, each in by_hour.items() if each.sequence == change.sequence]
            until = "" if len(own) == 1 else f" to {max(own):%Y-%m-%d %H:%M}"
            sentences.append(
                f"Suspended: no holder of {alias} scores {min(own):%Y-%m-%d %H:%M}{until} ({len(own):,} hours). "
                f"{change.in_words}"
            )
    return sentences


def hours_in_words(stopped: Stopped) -> dict[pd.Timestamp, str]:
    """What is said of each hour."""
    found: dict[pd.Timestamp, list[str]] = {}
    for by_hour in stopped.values():
        for hour, change in by_hour.items():
            found.setdefault(hour, []).append(f"suspended: {change.in_words}")
    return {hour: "; ".join(texts) for hour, texts in found.items()}


def _distinct(changes: Iterable[Suspension]) -> list[Suspension]:
    return list({each.sequence: each for each in changes}.values())
