"""Whose training rows a market is held against, as of an hour.

Not those of each champion: versions that are trained by a schedule would otherwise never have enough quiet days in the
same bins. The reference changes where a champion was trained because of drift, or sees features made otherwise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from mlreg_dagster.core.hours import as_time
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.records.models import ModelVersion

_OPENING_TRIGGERS = ("drift", "performance")


@dataclass(frozen=True)
class Reference:
    """A training dataset that a market is held against.

    Attributes:
        version: The champion that opened it.
        day: Of the training dataset.
        sha256: Of the training dataset.
        opened: From when on it counts.
    """

    version: str
    day: str
    sha256: str
    opened: pd.Timestamp

    @property
    def name(self) -> str:
        """What stands in tables."""
        return f"{self.day} {self.sha256[:12]}"


def references(registry: Registry) -> list[Reference]:
    """Every reference, in the order in which they were opened; none before there is a champion."""
    found: list[Reference] = []
    made_otherwise: object = None
    for move in registry.history(CHAMPION):
        version = registry.version(move.version)
        if found and not _opens(version) and version.manifest.get("feature_settings") == made_otherwise:
            continue
        if found and found[-1].version == version.version:
            continue
        made_otherwise = version.manifest.get("feature_settings")
        opened = as_time(pd.Timestamp(move.effective_at))
        found.append(Reference(version.version, version.dataset_day, version.dataset_sha256, opened))
    return found


def _opens(version: ModelVersion) -> bool:
    cause = version.manifest.get("cause")
    return isinstance(cause, dict) and cause.get("trigger") in _OPENING_TRIGGERS


def as_of(known: Iterable[Reference], time: pd.Timestamp) -> Reference | None:
    """The reference at a time; None: there was no champion yet."""
    opened = [each for each in known if each.opened <= time]
    return opened[-1] if opened else None


def split(known: list[Reference], times: pd.DatetimeIndex) -> Iterator[tuple[Reference, pd.DatetimeIndex]]:
    """Times (of hours, or of the ends of days) by the reference as of each; those before the first are left out."""
    for number, reference in enumerate(known):
        until = known[number + 1].opened if number + 1 < len(known) else None
        chosen = times[(times >= reference.opened) & (times < until if until is not None else True)]
        if len(chosen):
            yield reference, chosen
