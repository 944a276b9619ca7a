"""Where the market of a version came from when it was trained, and comes from now, by what the snapshots say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets.source_record import SOURCE
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_SIMULATED = "simulated"


@dataclass(frozen=True)
class Sources:
    """Names of sources.

    Attributes:
        then: Of the rows of the training window, as its dataset recorded them; those of datasets that recorded none by
            the tables, empty where these no longer hold them.
        now: Of the rows of the newest day.
    """

    then: tuple[str, ...]
    now: tuple[str, ...]

    @property
    def is_simulated(self) -> bool:
        """Whether any of the rows is of no real market."""
        return _SIMULATED in (*self.then, *self.now)

    @property
    def changes(self) -> tuple[str, ...]:
        """How the source changed since training; nothing where it is not known."""
        if not self.then or not self.now or set(self.then) == set(self.now):
            return ()
        return (f"it was trained on {' and '.join(self.then)}, and scores {' and '.join(self.now)}",)


def sources_of(
    tables: Warehouse, version: ModelVersion, newest: pd.Timestamp | None, lineage: Mapping[str, Any]
) -> Sources:
    """The sources of a version's market.

    Args:
        tables: Where the snapshots are.
        version: Which version.
        newest: The newest hour of the market; None where there is none.
        lineage: Of its training dataset; empty where that can't be used.
    """
    recorded = tuple(sorted(lineage.get(SOURCE, {}).get("hours", ())))
    if newest is None:
        return Sources(recorded, ())
    manifest = version.manifest
    first, end = (pd.Timestamp(manifest[name]) for name in ("training_first_hour", "training_end"))
    return Sources(recorded or _between(tables, first, end - HOUR), _between(tables, newest - 23 * HOUR, newest))


def _between(tables: Warehouse, first: pd.Timestamp, last: pd.Timestamp) -> tuple[str, ...]:
    rows = tables.query(
        f"SELECT DISTINCT source FROM {MARKET_SNAPSHOT.name} WHERE hour BETWEEN $first AND $last ORDER BY source",  # noqa: S608
        {"first": first, "last": last},
    )
    return tuple(rows["source"])
