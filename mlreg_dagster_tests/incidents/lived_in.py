"""A small home that has lived: seventeen days, three instruments, repaired hours, moves, a rollout, answers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from upath import UPath

from mlreg_dagster.config import FeatureSettings, FlaggingSettings, OutcomeSettings, Settings, load_settings
from mlreg_dagster.core.hours import HOUR, day_key, hour_range
from mlreg_dagster.datasets import freezing, labels
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.features.features import compute_features, features_table
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTION_REASONS, PREDICTIONS
from mlreg_dagster.outcomes.served.schema import SERVED_PREDICTIONS
from mlreg_dagster.outcomes.validation import validate_predictions
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import ArtifactStore, open_artifacts
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.reader import WarehouseReader
from mlreg_dagster_tests.lifecycle import write_configs
from mlreg_dagster_tests.market.frames import START, at, random_market
from mlreg_dagster_tests.registry.builders import BAD, evaluate, move, register, roll_out, sha

LENGTH = 420
NOW = at(LENGTH)
FEATURES = FeatureSettings(lag_hours=(1,), rolling_hours=(24,))
WITH_MOON = {**FEATURES.model_dump(mode="json"), "own": {"moon": "1"}}
OUTCOMES = OutcomeSettings(price_tolerance_hours=2)
REPAIRED = ((200, "coin0"), (204, "coin2"), (331, "coin1"))
DAYS = {9: (4, 9), 15: (9, 15)}
"""Day of a dataset to the days of its training window; its holdout is the day itself."""

VERSIONS = {
    "v1": (9, ["change_1h_pct", "is_gap"], FlaggingSettings(policy="frozen"), None),
    "v2": (9, ["change_24h_pct", "slog_volume_24h"], FlaggingSettings(days=1), None),
    "v3": (9, ["change_1h_pct", "moon"], FlaggingSettings(policy="top_k"), WITH_MOON),
    "v4": (15, ["change_24h_pct_lag_1h"], FlaggingSettings(days=2), None),
}
SCORING = (
    ("v1", "champion", 240, 329), ("v2", "champion", 330, 399), ("v1", "champion", 400, 419),
    ("v3", "challenger", 260, 419), ("v4", "requested", 250, 380), ("v9", "requested", 250, 254),
    *((f"ranking:{name}", "ranking", 240, 419) for name in ("drawdown", "volatility", "robust_z", "volume_jump")),
)  # fmt: skip


@dataclass(frozen=True)
class LivedIn:
    folder: Path
    tables: DuckDBWarehouse
    store: ArtifactStore
    registry: Registry
    settings: Settings

    @property
    def reader(self) -> WarehouseReader:
        return WarehouseReader(self.tables.path)


def settings_in(folder: Path) -> Settings:
    configs = {
        "features": FEATURES.model_dump(mode="json"),
        "outcomes": {"price_tolerance_hours": OUTCOMES.price_tolerance_hours},
    }
    return load_settings(write_configs(folder, configs))


def live_in(folder: Path) -> LivedIn:
    home = LivedIn(
        folder,
        DuckDBWarehouse(folder / "warehouse.duckdb"),
        open_artifacts(UPath(folder / "artifacts")),
        Registry(f"sqlite:///{folder / 'registry.sqlite'}"),
        settings_in(folder / "configs"),
    )
    rng, market = np.random.default_rng(3), random_market(8, LENGTH, instruments=3)
    with home.tables.session():
        _ingest(home, market)
        _freeze(home, market)
        _repair(home, market)
        _register(home)
        _predict(home, market, rng)
        _serve(home, rng)
    return home


def _ingest(home: LivedIn, market: pd.DataFrame) -> None:
    hours = hour_range(START, at(LENGTH - 1))
    home.tables.write(MARKET_SNAPSHOT, market, hours)
    home.tables.write(features_table(FEATURES), compute_features(market, hours, FEATURES, 168), hours)


def _freeze(home: LivedIn, market: pd.DataFrame) -> None:
    rows = home.tables.read(features_table(FEATURES))
    for number, (first, end) in DAYS.items():
        training, holdout = Window(at(24 * first), at(24 * end)), Window(at(24 * number), at(24 * (number + 1)))
        key = day_key(at(24 * number))
        own, labelled, extra = freezing.within(rows, training), None, {}
        if number == 15:
            window = Window(at(24 * 5), at(24 * 13))
            wanted = freezing.within(rows, window)
            prices = market[["hour", "instrument_id", "price"]]
            labelled = labels.label_rows(wanted, prices[prices["hour"] < window.end], window, OUTCOMES)
            extra = {labels.LABELS: labels.describe_labels(labelled, wanted, window, holdout, OUTCOMES)}
        lineage = freezing.describe_lineage(own, training, rows, FEATURES) | extra
        freezing.freeze(home.store, freezing.TRAINING, key, own, lineage, labelled=labelled)
        held = freezing.within(rows, holdout)
        behind = market[market["hour"].between(holdout.first - 168 * HOUR, holdout.end - HOUR)]
        lineage = freezing.describe_lineage(held, holdout, rows, FEATURES)
        freezing.freeze(home.store, freezing.HOLDOUT, key, held, lineage, behind.reset_index(drop=True))


def _repair(home: LivedIn, market: pd.DataFrame) -> None:
    """Prices were wrong: the snapshots, and the features of their hour, are made again after all was frozen."""
    for offset, instrument in REPAIRED:
        own = (market["hour"] == at(offset)) & (market["instrument_id"] == instrument)
        assert own.any()
        market.loc[own, ["price", "change_1h_pct"]] *= 1.5
        hours = hour_range(at(offset), at(offset + 30))
        snapshots = market[market["hour"].isin(hours)]
        home.tables.write(MARKET_SNAPSHOT, snapshots, hours)
        home.tables.write(features_table(FEATURES), compute_features(market, hours, FEATURES, 168), hours)


def _register(home: LivedIn) -> None:
    registry = home.registry
    for name, (day, features, flagging, settings) in VERSIONS.items():
        key = day_key(at(24 * day))
        training, holdout = (home.store.find(kind, key) for kind in (freezing.TRAINING, freezing.HOLDOUT))
        manifest = {
            "features": features,
            "feature_settings": settings or FEATURES.model_dump(mode="json"),
            "settings": {"detector": "isolation_forest", "flagging": flagging.model_dump(mode="json")},
        }
        register(
            registry, name, created_at=NOW, dataset_day=key, dataset_sha256=training.sha256, manifest=manifest
        )  # fmt: skip
        evaluate(registry, name, recorded_at=NOW, holdout_sha256=holdout.sha256)
    move(registry, "v1", None, at(240), time=NOW)
    move(registry, "v3", None, at(260), alias="challenger", time=NOW)
    roll_out(registry, "v4", time=NOW, effective_at=at(262) - pd.Timedelta(minutes=20))
    move(registry, "v2", "v1", at(330) - pd.Timedelta(minutes=10), time=NOW)
    move(registry, "v1", "v2", at(400), time=NOW)
    later = home.store.find(freezing.HOLDOUT, day_key(at(24 * 15)))
    evaluate(registry, "v1", BAD, recorded_at=NOW, holdout_sha256=later.sha256)


def _predict(home: LivedIn, market: pd.DataFrame, rng: np.random.Generator) -> None:
    parts = []
    for name, role, first, last in SCORING:
        rows = market.loc[market["hour"].between(at(first), at(last)), ["hour", "instrument_id", "price"]]
        rows = rows.assign(model_version=name, role=role, score=rng.random(len(rows)), threshold=0.8)
        is_early = rows["hour"] < at(300) if name in ("v4", "ranking:robust_z") else False
        parts.append(rows.assign(in_sample=is_early, artifact_sha256=sha(name)))
    rows = pd.concat(parts, ignore_index=True)
    rows["is_anomaly"] = rows["score"] > rows["threshold"]
    rows = rows[list(PREDICTIONS.columns)]
    home.tables.write(PREDICTIONS, rows, hour_range(at(240), at(419)))
    outcomes = validate_predictions(rows, market[["hour", "instrument_id", "price"]], OUTCOMES)
    outcomes = outcomes[outcomes["hour"] < NOW]
    home.tables.write(PREDICTION_OUTCOMES, outcomes, hour_range(at(264), at(419)))
    flagged = rows[rows["is_anomaly"] & rows["role"].isin(["champion", "challenger"])]
    reasons = pd.concat([flagged.assign(rank=rank) for rank in (1, 2)]).assign(
        family="volume", share=0.1, feature=None, value=np.nan, training_median=np.nan, score_at_medians=0.1
    )
    reasons = reasons[list(PREDICTION_REASONS.columns)].astype({"feature": "str"})
    home.tables.write(PREDICTION_REASONS, reasons, hour_range(at(240), at(419)))


def _serve(home: LivedIn, rng: np.random.Generator) -> None:
    count = 300
    hours = pd.Series([at(int(each)) for each in rng.integers(260, LENGTH, count)])
    names = rng.choice(["v1", "v2", "v3", "v4"], count)
    asked = pd.Series([hour - int(back) * HOUR for hour, back in zip(hours, rng.integers(0, 9, count), strict=True)])
    rows = SERVED_PREDICTIONS.empty().reindex(range(count))
    rows = rows.assign(
        hour=hours, answer_id=[f"a{number}" for number in range(count)], row=0, answered_at=hours, request_id=None,
        protocol="v2", client=None, model_version=names, artifact_sha256=[sha(name) for name in names],
        alias="champion", alias_sequence=1, arm=None, traffic_sequence=1,
        instrument_id=np.where(rng.random(count) < 0.8, rng.choice([f"coin{n}" for n in range(3)], count), None),
        market_hour=asked.where(rng.random(count) < 0.8), score=rng.random(count), threshold=0.8,
        threshold_policy="trailing_share", threshold_source="hour",
        threshold_hour=asked.where(rng.random(count) < 0.8), training_quantile=0.5, knowledge_age_seconds=1.0,
        stale=False, seconds=0.01, segment_sha256=sha("segment"),
    )  # fmt: skip
    rows["is_anomaly"] = rows["score"] > rows["threshold"]
    rows = rows.astype(SERVED_PREDICTIONS.empty().dtypes)
    home.tables.write(SERVED_PREDICTIONS, rows, hour_range(at(260), at(419)))
