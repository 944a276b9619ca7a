"""Reads what the families of drift are made of, for days in a row: as of each day, nothing later."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, as_hour, as_time
from mlreg_dagster.datasets.changes import changed_hours
from mlreg_dagster.datasets.freezing import TRAINING
from mlreg_dagster.datasets.windows import windows_of
from mlreg_dagster.market.day_quality import quality_of_days
from mlreg_dagster.market.features.features import families_of, features_table, lookbacks_of
from mlreg_dagster.market.features.provenance import FEATURE_SETTINGS
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.manifests import flagging_in
from mlreg_dagster.models.names import CHALLENGER, CHAMPION
from mlreg_dagster.monitoring.drift.families import concept, feature, prediction, quality
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, DATA_QUALITY_DRIFT, FEATURE_DRIFT
from mlreg_dagster.monitoring.drift.statistics.features import TAKES_NO_PART, takes_part
from mlreg_dagster.monitoring.sketches.counting import counts_of_days
from mlreg_dagster.monitoring.sketches.days import hourly_sums
from mlreg_dagster.monitoring.sketches.record import SUMS, bins_of, complete, score_bins
from mlreg_dagster.monitoring.sketches.references import Reference, references, split
from mlreg_dagster.monitoring.sketches.schema import FEATURE_SKETCH
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.outcomes.worth.record import crashes_of_versions
from mlreg_dagster.outcomes.worth.schema import MODEL_WORTH
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_DAY = pd.Timedelta(days=1)
_SEVERE_WITHIN = 14 * _DAY  # so long after a severe day it is asked whether training's rows were repaired


def data_quality(
    tables: Warehouse, registry: Registry, store: ArtifactStore, days: pd.DatetimeIndex, settings: Settings
) -> pd.DataFrame:
    """Rows of DATA_QUALITY_DRIFT."""
    table = features_table(settings.features)
    families = families_of(settings.features)
    lookbacks = {
        name: hours for name, hours in lookbacks_of(settings.features).items() if families[name] not in TAKES_NO_PART
    }
    columns = ["hour", "instrument_id", *dict.fromkeys(["change_1h_pct", *lookbacks])]
    per_hour = _rows_by_hour(tables, table.name, days[0] - quality.USUAL_DAYS * _DAY, days[-1] + 23 * HOUR)
    frames = [DATA_QUALITY_DRIFT.empty()]
    earlier = tables.read(DATA_QUALITY_DRIFT, days[0] - _SEVERE_WITHIN, days[0] - _DAY)
    severe = set(earlier.loc[earlier["quality"] == "severe", "day"])
    for day in days:
        one = pd.DatetimeIndex([day])
        rows = tables.read(table, day - quality.LOOKBACK_DAYS * _DAY, day + 23 * HOUR, columns=columns)
        usual, stale = _usual(per_hour, day)
        counted = quality_of_days(
            rows,
            one,
            lookbacks,
            usual or settings.ingest.universe,
            max_abs_change_1h_pct=settings.ingest.checks.max_abs_change_1h_pct,
            min_frozen_hours=settings.datasets.quality.max_frozen_hours,
        )
        if (share := quality.universe_share(per_hour, day)) is not None:
            counted.days["universe_share"] = share
        closed = settings.ingest.checks.allow_empty_hours and not counted.days["rows"].iloc[0]
        asks = any(day - _SEVERE_WITHIN <= each <= day for each in severe)
        found = quality.quality_rows(
            counted,
            pd.Series([closed], index=one),
            pd.Series([stale], index=one),
            pd.Series([_is_stale(tables, registry, day, settings)], index=one),
            pd.Series([asks and _differs(tables, registry, store, day)], index=one),
        )
        if (found["quality"] == "severe").any():
            severe.add(day)
        frames.append(found)
    return pd.concat(frames[1:], ignore_index=True)


def _rows_by_hour(tables: Warehouse, name: str, first: pd.Timestamp, last: pd.Timestamp) -> "pd.Series[int]":
    sql = f"SELECT hour, count(*) AS n FROM {name} WHERE hour BETWEEN $first AND $last GROUP BY hour ORDER BY hour"  # noqa: S608
    found = tables.query(sql, {"first": first, "last": last})
    return pd.Series(found["n"].to_numpy(), index=pd.DatetimeIndex(found["hour"]))


def _usual(per_hour: "pd.Series[int]", day: pd.Timestamp) -> tuple[int, float]:
    """The instruments of an hour, and the hours missing at a day's end, in the days before; 0: there are none."""
    hours = pd.DatetimeIndex(per_hour.index)
    before = per_hour[(hours < day) & (hours >= day - quality.USUAL_DAYS * _DAY)]
    if before.empty:
        return 0, 0.0
    last = pd.Series(before.index, index=pd.DatetimeIndex(before.index).floor("D")).groupby(level=0).max()
    stale = 23 - pd.DatetimeIndex(last).hour.to_numpy()
    return int(before.median()), float(np.median(stale))


def _is_stale(tables: Warehouse, registry: Registry, day: pd.Timestamp, settings: Settings) -> bool:
    """Whether features lag behind the snapshots of a day, or are made otherwise than those of the champion."""
    table, end = features_table(settings.features), day + 23 * HOUR
    newest = [tables.partitions(each, day, end) for each in (MARKET_SNAPSHOT, table)]
    if len(newest[0]) and (not len(newest[1]) or newest[0][-1] - newest[1][-1] > 3 * HOUR):
        return True
    move = registry.holder(CHAMPION, as_of=(day + _DAY).to_pydatetime())
    if move is None or not len(newest[1]):
        return False
    sql = f"SELECT DISTINCT {FEATURE_SETTINGS} AS text FROM {table.name} WHERE hour BETWEEN $first AND $last"  # noqa: S608
    found = set(tables.query(sql, {"first": day, "last": end})["text"])
    known = registry.version(move.version).manifest["feature_settings"]
    return found != {type(settings.features).model_validate(known).text}


def _differs(tables: Warehouse, registry: Registry, store: ArtifactStore, day: pd.Timestamp) -> bool:
    """Whether hours of the champion's training window hold other rows now than it was trained on."""
    move = registry.holder(CHAMPION, as_of=(day + _DAY).to_pydatetime())
    if move is None:
        return False
    version = registry.version(move.version)
    found = changed_hours(store, tables, TRAINING, version.dataset_day, version.dataset_sha256)
    return bool(found.changed)


def features(
    tables: Warehouse, registry: Registry, store: ArtifactStore, days: pd.DatetimeIndex, settings: Settings
) -> pd.DataFrame:
    """Rows of FEATURE_DRIFT; none of days before there is a champion."""
    frames = [FEATURE_DRIFT.empty()]
    for reference, ends in split(references(registry), days + _DAY - HOUR):
        frames.append(_under(tables, store, reference, pd.DatetimeIndex(ends.floor("D")), settings))
    return pd.concat(frames[1:] or frames, ignore_index=True)


def _under(
    tables: Warehouse, store: ArtifactStore, reference: Reference, days: pd.DatetimeIndex, settings: Settings
) -> pd.DataFrame:
    """Rows of FEATURE_DRIFT of days under one reference, from its history on; counts what was not counted yet."""
    table, families = features_table(settings.features), families_of(settings.features)
    all_bins = bins_of(tables, store, reference, tuple(families))
    first = reference.opened.floor("D") - feature.HISTORY_DAYS * _DAY
    complete(tables, table, all_bins, reference, first, days[-1] + 23 * HOUR, settings.ingest.hours_at_once)
    names = takes_part(families)
    bins = all_bins.only(names)
    columns = ", ".join(SUMS)
    sketches = tables.query(
        f"SELECT {columns} FROM {FEATURE_SKETCH.name} WHERE reference = $name "  # noqa: S608
        "AND hour BETWEEN $first AND $last",
        {"name": reference.name, "first": first, "last": days[-1] + 23 * HOUR},
    )
    if sketches.empty:
        return FEATURE_DRIFT.empty()
    begin = sketches["hour"].min().floor("D")
    every = pd.date_range(begin, days[-1], freq="D", unit="us")
    sums = hourly_sums(sketches, every, names)
    window = windows_of(as_hour(reference.day), settings.datasets).training
    learned = np.asarray((every >= window.first.floor("D")) & (every <= reference.opened.floor("D")))
    counted = tables.read(FEATURE_SKETCH, days[0], days[-1] + 23 * HOUR, only={"reference": reference.name})
    counts = counts_of_days(counted, days, names)
    limits = feature.limits_of(settings.drift.detection)
    return feature.drift_rows(sums, learned, families, reference.name, bins, counts, days, limits)


def predictions(tables: Warehouse, registry: Registry, days: pd.DatetimeIndex, settings: Settings) -> pd.DataFrame:
    """Rows of PREDICTION_DRIFT."""
    longest = 31 * _DAY
    rows = tables.read(PREDICTIONS, days[0] - longest, days[-1] + 23 * HOUR, prediction.ROWS, only={"role": CHAMPION})
    versions = sorted(rows["model_version"].unique())
    sketches = tables.read(FEATURE_SKETCH, days[0], days[-1] + 23 * HOUR)
    sketches = sketches[sketches["reference"].isin(versions)]
    bins = {version: found for version in versions if (found := score_bins(registry, version)) is not None}
    policies = {version: flagging_in(registry.version(version).manifest) for version in versions}
    return prediction.prediction_rows(rows, sketches, bins, policies, days, settings.evaluation)


def concepts(tables: Warehouse, registry: Registry, days: pd.DatetimeIndex, settings: Settings) -> pd.DataFrame:
    """Rows of CONCEPT_DRIFT."""
    counted = tables.read(MODEL_WORTH, None, days[-1])
    crashes = crashes_of_versions(tables, days[-1] + 23 * HOUR)
    crashes = crashes.loc[(crashes["role"] == CHAMPION) & ~crashes["in_sample"]]
    frames: list[pd.DataFrame] = [CONCEPT_DRIFT.empty()]
    for day in days:
        due = crashes[crashes["hour"] < day + _DAY]
        champion = _champion(registry, day + _DAY)
        frames.append(concept.concept_rows(counted, due, day, champion, settings.drift.detection))
    return pd.concat([each for each in frames if len(each)] or frames[:1], ignore_index=True)


def _champion(registry: Registry, end: pd.Timestamp) -> concept.Champion | None:
    moves = [move for move in registry.history(CHAMPION) if as_time(pd.Timestamp(move.effective_at)) <= end]
    if not moves:
        return None
    challenger = registry.holder(CHALLENGER, as_of=end.to_pydatetime())
    newest = moves[-1]
    return concept.Champion(
        newest.version,
        as_time(pd.Timestamp(newest.effective_at)),
        newest.previous_version,
        None if challenger is None else challenger.version,
    )


def newest_days(rows: pd.DataFrame, days: Sequence[pd.Timestamp]) -> pd.DataFrame:
    """The rows of the last of some days that has any."""
    own = rows[rows["day"].isin(days)]
    return own[own["day"] == own["day"].max()] if len(own) else own
