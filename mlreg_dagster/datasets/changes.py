"""Finds the hours of a frozen dataset that the feature table holds differently now: repaired, extended or removed.

A frozen file never changes, so a repair of the market leaves the versions that were trained on it behind. Values are
compared instead of hashes, so that readers learn what differs, and by how much.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from mlreg_dagster.core.hours import hour_key
from mlreg_dagster.datasets.freezing import Dataset, load
from mlreg_dagster.datasets.low_quality import LEFT_OUT, without_left_out
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_TABLE = "market_features"
_KEY = ["hour", "instrument_id"]
_NOW, _SIDE = " (now)", " (side)"  # no column of a table is named so


@dataclass(frozen=True)
class ChangedHours:
    """How the hours of a frozen dataset compare with the tables.

    Attributes:
        dataset: Its kind and its day.
        frozen: How many hours have rows in the file.
        changed: The hours that hold other rows now, or rows where the file has none.
        gone: The hours that hold no rows any more, after pruning for example: they can't be compared.
        rows: Rows of the changed hours that differ, were added or were removed.
        distances: The features that differ, and by how much at most, in standard deviations of the frozen values.
    """

    dataset: str
    frozen: int
    changed: tuple[pd.Timestamp, ...]
    gone: tuple[pd.Timestamp, ...]
    rows: int
    distances: Mapping[str, float]

    @property
    def furthest(self) -> tuple[str, float] | None:
        """The feature that differs most, and by how much; None where no number differs."""
        return max(self.distances.items(), key=lambda each: each[1]) if self.distances else None

    def as_facts(self) -> dict[str, Any]:
        """The same in JSON values, short enough to be kept with a decision."""
        return {
            "dataset": self.dataset,
            "hours_frozen": self.frozen,
            "hours_changed": len(self.changed),
            "first_changed": hour_key(self.changed[0]) if self.changed else None,
            "last_changed": hour_key(self.changed[-1]) if self.changed else None,
            "hours_gone": len(self.gone),
            "rows_changed": self.rows,
            "furthest_feature": self.furthest[0] if self.furthest else None,
            "furthest_standard_deviations": round(self.furthest[1], 6) if self.furthest else None,
        }

    def __str__(self) -> str:
        gone = f" {len(self.gone)} hours have no rows any more and can't be compared." if self.gone else ""
        if not self.changed:
            return f"The hours of {self.dataset} hold the rows that were frozen.{gone}"
        text = (
            f"{len(self.changed)} of the {self.frozen} hours of {self.dataset} hold other rows now than when it was "
            f"frozen ({hour_key(self.changed[0])} to {hour_key(self.changed[-1])}, {self.rows:,} rows"
        )
        if self.furthest:
            text += f"; furthest off is {self.furthest[0]}, by up to {self.furthest[1]:.3g} standard deviations"
        return f"{text}).{gone}"


def changed_hours(store: ArtifactStore, tables: Warehouse, kind: str, day: str, sha256: str | None) -> ChangedHours:
    """Compare a frozen dataset with the rows that the feature table holds for its hours now.

    Args:
        store: Where the dataset is.
        tables: Where the features are.
        kind: `TRAINING` or `HOLDOUT`.
        day: Of the dataset.
        sha256: The hash that it must have; None for the one it was frozen with.

    Raises:
        ArtifactMissing, ArtifactTampered: The dataset is not there, or not what was frozen.
        WarehouseBusy: Another process keeps the tables.
    """
    dataset = load(store, kind, day, sha256)
    with tables.connect() as connection:
        features = features_within(connection, dataset.window)
    return compare(kind, dataset, features)


def features_within(connection: duckdb.DuckDBPyConnection, window: Window) -> pd.DataFrame:
    """The rows of the feature table within a window, in whatever columns it has; none where there is no table yet."""
    there = connection.execute("SELECT 1 FROM duckdb_columns() WHERE table_name = $name", {"name": _TABLE}).fetchone()
    if there is None:
        return pd.DataFrame({"hour": pd.DatetimeIndex([], tz="UTC"), "instrument_id": pd.Series(dtype="str")})
    return connection.execute(
        f"SELECT * FROM {_TABLE} WHERE hour >= $first AND hour < $end",  # noqa: S608
        {"first": window.first, "end": window.end},
    ).df()


def compare(kind: str, dataset: Dataset, features: pd.DataFrame) -> ChangedHours:
    """Compare a frozen dataset with feature rows; what it left out is ignored.

    Args:
        kind: `TRAINING` or `HOLDOUT`.
        dataset: What was frozen.
        features: The rows of its window now, and maybe others; a column that they lack counts as empty.
    """
    within = features["hour"].between(dataset.window.first, dataset.window.end, inclusive="left")
    features = without_left_out(features[within], dataset.lineage.get(LEFT_OUT))
    kept = features[~features["instrument_id"].isin(set(dataset.lineage["instruments_left_out"]))]
    now = kept.reindex(columns=dataset.rows.columns)
    joined = dataset.rows.merge(now, on=_KEY, how="outer", suffixes=(None, _NOW), indicator=_SIDE)
    in_both = (joined[_SIDE] == "both").to_numpy()
    differs = ~in_both
    distances: dict[str, float] = {}
    for name in dataset.rows.columns.drop(_KEY):
        was, found = joined[name], joined[f"{name}{_NOW}"]
        other = ((was != found) & ~(was.isna() & found.isna())).to_numpy(dtype=bool)
        differs |= other
        if pd.api.types.is_numeric_dtype(was) and (other & in_both).any():
            spread = dataset.rows[name].std()
            far = (found - was)[other & in_both].abs().max() / (spread if spread > 0 else 1.0)
            distances |= {} if pd.isna(far) else {str(name): float(far)}
    frozen, present = (set(frame["hour"].unique()) for frame in (dataset.rows, now))
    gone = frozen - present
    hours = joined.loc[differs, "hour"]
    return ChangedHours(
        dataset=f"{kind} {dataset.day}",
        frozen=len(frozen),
        changed=tuple(sorted(set(hours.unique()) - gone)),
        gone=tuple(sorted(gone)),
        rows=int((~hours.isin(gone)).sum()),
        distances=distances,
    )
