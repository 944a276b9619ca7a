"""Which frozen datasets hold an hour of the market, or look back on it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from mlreg_dagster.config import FeatureSettings, OutcomeSettings
from mlreg_dagster.core.hours import HOUR, as_hour, day_key
from mlreg_dagster.datasets.changes import ChangedHours, compare
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING, Dataset, lineage_of, load
from mlreg_dagster.datasets.labels import LABELS
from mlreg_dagster.datasets.low_quality import LEFT_OUT
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.extensions.features import MOST_LOOKBACK
from mlreg_dagster.incidents.reach import reach_of_features
from mlreg_dagster.storage.artifacts import ArtifactError, ArtifactStore
from mlreg_dagster.storage.warehouse.reader import Tables

Relation = Literal["holds", "looks back"]

_FEATURES = "market_features"


@dataclass(frozen=True)
class DatasetImpact:
    """A frozen dataset that rests on the hour.

    Attributes:
        kind: `training_dataset` or `eval_holdout`.
        day: Of the dataset.
        sha256: Of its bundle.
        relation: `holds`: it has rows of the hour itself. `looks back`: only its later rows, its
            labels or the market behind a holdout rest on it.
        hours: Hours of its rows that rest on it.
        rows: Their rows.
        labels: Labelled rows that rest on it, by a feature or by a price.
        changed: Hours among `hours` that hold other rows now than when they were frozen.
        gone: Hours among `hours` that have no rows any more.
    """

    kind: str
    day: str
    sha256: str
    relation: Relation
    hours: int
    rows: int
    labels: int
    changed: int
    gone: int


def datasets_on(
    store: ArtifactStore,
    tables: Tables,
    hour: pd.Timestamp,
    instrument: str | None,
    problems: list[str],
    as_of: datetime | None = None,
) -> Iterator[DatasetImpact]:
    """The frozen datasets that rest on an hour, by kind and day.

    Args:
        store: Where they are.
        tables: Where the features are now.
        hour: The hour of the market.
        instrument: The instrument whose row is in question; None: all.
        problems: Filled with a sentence on each dataset that can't be read.
        as_of: Of days that had ended by then alone; None: all. What changed since is compared with the tables as they
            are now.
    """
    for kind in (TRAINING, HOLDOUT):
        for day in store.keys(kind):
            end = as_hour(day) + 24 * HOUR  # a dataset ends with its day
            if end <= hour or (as_of is not None and end > as_of):
                continue
            try:
                lineage = lineage_of(store, kind, day)
                if _left_out(lineage, hour):
                    problems.append(f"{kind} {day} left out {day_key(hour)} for low quality.")
                dataset = load(store, kind, day) if _earliest(lineage) <= hour else None
            except ArtifactError as error:
                problems.append(f"{kind} {day} can't be read, and may rest on the hour: {error}")
                continue
            if dataset is not None and (found := _impact(kind, dataset, tables, hour, instrument)) is not None:
                yield found


def _earliest(lineage: Mapping[str, Any]) -> pd.Timestamp:
    """No row, label or snapshot of a dataset reads an hour before this one."""
    first = min(as_hour(each["first_hour"]) for each in (lineage, lineage.get(LABELS, lineage)))
    reach, _ = reach_of_features(FeatureSettings.model_validate(lineage["feature_settings"]))
    return first - max(reach, MOST_LOOKBACK) * HOUR


def _left_out(lineage: Mapping[str, Any], hour: pd.Timestamp) -> bool:
    within = as_hour(lineage["first_hour"]) <= hour < as_hour(lineage["end"])
    return within and day_key(hour) in lineage.get(LEFT_OUT, {}).get("days", {})


def _impact(
    kind: str, dataset: Dataset, tables: Tables, hour: pd.Timestamp, instrument: str | None
) -> DatasetImpact | None:
    settings = FeatureSettings.model_validate(dataset.lineage["feature_settings"])
    reach, shared = reach_of_features(settings)
    of_rows = None if shared else instrument
    rows = _resting(dataset.rows, hour, reach, of_rows)
    market = _resting(dataset.market, hour, 0, instrument) if dataset.market is not None else None
    labels = _labels(dataset, hour, reach, of_rows, instrument)
    if rows.empty and not labels and (market is None or market.empty):
        return None
    changes = _changes(kind, dataset, tables, rows["hour"]) if len(rows) else None
    return DatasetImpact(
        kind=kind,
        day=dataset.day,
        sha256=dataset.sha256,
        relation="looks back" if _resting(dataset.rows, hour, 0, instrument).empty else "holds",
        hours=rows["hour"].nunique(),
        rows=len(rows),
        labels=labels,
        changed=len(changes.changed) if changes else 0,
        gone=len(changes.gone) if changes else 0,
    )


def _changes(kind: str, dataset: Dataset, tables: Tables, hours: "pd.Series[pd.Timestamp]") -> ChangedHours:
    """How these hours of a dataset compare with the tables; its others are not looked at."""
    frozen, window = dataset.rows[dataset.rows["hour"].isin(hours)], Window(hours.min(), hours.max() + HOUR)
    now = _features_now(tables, window)
    return compare(kind, replace(dataset, rows=frozen, window=window), now[now["hour"].isin(hours)])


def _resting(rows: pd.DataFrame, hour: pd.Timestamp, reach: int, instrument: str | None) -> pd.DataFrame:
    """The rows from the hour on, as far as it reaches."""
    found = rows["hour"].between(hour, hour + reach * HOUR)
    return rows[found] if instrument is None else rows[found & (rows["instrument_id"] == instrument)]


def _labels(dataset: Dataset, hour: pd.Timestamp, reach: int, of_rows: str | None, instrument: str | None) -> int:
    if dataset.labelled is None:
        return 0
    rows = dataset.labelled
    outcomes = OutcomeSettings().override(dict(dataset.lineage[LABELS]["outcomes"]))
    by_price = _resting_labels(rows, hour, outcomes)
    if instrument is not None:
        by_price &= rows["instrument_id"] == instrument
    by_feature = rows.index.isin(_resting(rows, hour, reach, of_rows).index)
    return int((by_price | by_feature).sum())


def _resting_labels(rows: pd.DataFrame, hour: pd.Timestamp, settings: OutcomeSettings) -> "pd.Series[bool]":
    """Whether the label of each row reads the price of the hour."""
    due = rows["hour"] + settings.horizon_hours * HOUR
    first = rows["hour"] if settings.target == "touch" else due - settings.price_tolerance_hours * HOUR
    found: Any = (rows["hour"] == hour) | ((first <= hour) & (hour <= due))
    return found  # type: ignore[no-any-return]


def _features_now(tables: Tables, window: Window) -> pd.DataFrame:
    if not tables.has(_FEATURES, ("hour", "instrument_id")):
        return pd.DataFrame({"hour": pd.DatetimeIndex([], tz="UTC"), "instrument_id": pd.Series(dtype="str")})
    return tables.frame(
        f"SELECT * FROM {_FEATURES} WHERE hour >= $first AND hour < $end",  # noqa: S608 - a name of ours
        {"first": window.first, "end": window.end},
    )
