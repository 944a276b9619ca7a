"""The plain path from an archive of real bars to the gates, for one day of the crypto market."""

import pandas as pd
import pytest

from mlreg_dagster.config import ArchiveSettings, DatasetSettings, EvaluationSettings, FeatureSettings, ModelSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.windows import windows_of
from mlreg_dagster.market.features.features import compute_features, features_table
from mlreg_dagster.market.sources.archive.source import Archive
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.evaluation.evaluation import evaluate
from mlreg_dagster.models.evaluation.rounds import plant_anomalies
from mlreg_dagster.models.training import train
from mlreg_dagster.storage.artifacts import open_artifacts

pytestmark = pytest.mark.slow

DAY = as_hour("2017-12-19")
LATER = pd.Timestamp("2020-01-01", tz="UTC")
SETTINGS, FEATURES = DatasetSettings(), FeatureSettings()


@pytest.fixture(scope="module")
def datasets(data_dir, tmp_path_factory):
    """Store, training dataset and holdout of DAY."""
    source = Archive(ArchiveSettings(path=str(data_dir / "crypto_hourly_2017.parquet")), universe=7)
    store = open_artifacts(str(tmp_path_factory.mktemp("artifacts")))
    windows = windows_of(DAY, SETTINGS)
    hours = hour_range(windows.training.first, windows.holdout.end - HOUR)
    market = source.snapshots(hour_range(hours[0] - 168 * HOUR, hours[-1]), LATER)
    features = features_table(FEATURES).validate(compute_features(market, hours, FEATURES, 168))
    rows = freezing.select_training_rows(features, windows.training, SETTINGS)
    behind = market[market["hour"] >= windows.holdout.first - 168 * HOUR].reset_index(drop=True)
    lineage = freezing.describe_lineage(rows, windows.training, features, FEATURES)
    freezing.freeze(store, freezing.TRAINING, "2017-12-19", rows, lineage)
    rows = freezing.select_holdout_rows(features, windows.holdout, SETTINGS)
    lineage = freezing.describe_lineage(rows, windows.holdout, features, FEATURES)
    freezing.freeze(store, freezing.HOLDOUT, "2017-12-19", rows, lineage, behind)
    return store, *(freezing.load(store, kind, "2017-12-19") for kind in (freezing.TRAINING, freezing.HOLDOUT))


def test_the_datasets_hold_every_coin_and_hour(datasets):
    _, training, holdout = datasets
    assert (len(training.rows), len(holdout.rows)) == (7 * 168, 7 * 24)
    assert training.lineage["instruments_left_out"] == []
    assert training.rows["change_7d_pct"].notna().all()
    assert training.rows["market_cap_to_volume"].isna().all()  # the archive knows no market cap


def test_the_isolation_forest_passes_every_gate_with_the_settings_as_they_come(datasets):
    store, training, holdout = datasets
    model = train("v1", training, DAY + pd.Timedelta(days=1), ModelSettings())
    frozen = artifact.save(store, "v1", model)
    loaded = artifact.load(store, "v1", frozen.sha256)
    settings = EvaluationSettings()
    rounds = plant_anomalies(holdout, settings.injection, FEATURES, 168)
    result = evaluate(loaded, holdout, rounds, settings)
    assert result.passed, [gate for gate in result.gates if not gate.passed]
    assert {planted.kind for planted in rounds} == {"shock", "swap", "frozen_price", "volume_burst"}
    assert model.manifest["training_anomaly_rate"] == pytest.approx(0.08, abs=0.002)
    assert result.metrics["average_precision"] > result.metrics["baseline_average_precision"]
