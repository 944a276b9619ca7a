"""What MLflow loads scores as our predictions do, and refuses what is not the frozen bundle."""

import mlflow
import numpy as np
import pytest
from mlflow.exceptions import MlflowException

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.integrations.mlflow import mirror
from mlreg_dagster.integrations.mlflow.place import Place
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.detectors.names import CRASH_CLASSIFIER, SCORERS
from mlreg_dagster.runner import asset_config
from mlreg_dagster.storage.artifacts import ArtifactTampered
from mlreg_dagster.testing.world import DAY_ENDS
from mlreg_dagster_tests.models.classifier.test_lifecycle import runner

pytestmark = pytest.mark.slow

__all__ = ["runner"]

HOURS = hour_range(DAY_ENDS, DAY_ENDS + 3 * HOUR)
MODELS = {
    "isolation_forest": {"model": "model", "overrides": {"params": {"n_estimators": 20}}},
    "local_outlier_factor": {"model": "model_lof"},
    "nearest_neighbors": {"model": "model_neighbors"},
    "robust_z_score": {"model": "model", "overrides": {"detector": "robust_z_score", "params": {}}},
    "ensemble": {"model": "model_ensemble"},
    CRASH_CLASSIFIER: {"model": "model_classifier"},
}


def test_every_kind_of_detector_scores_without_any_difference(runner, monkeypatch):
    assert MODELS.keys() == SCORERS.keys()
    versions = {detector: runner.train({**config, "actor": "tester"}) for detector, config in MODELS.items()}
    runner.run_hours(jobs.SCORING, HOURS, asset_config("predictions", {"versions": list(versions.values())}))
    home = runner.home
    place = Place(f"sqlite:///{home / 'mlflow.sqlite'}", str(home / "mlflow"), home / "mlflow.lock")
    assert mirror.sync(runner.registry, runner.artifacts, place, ()).calls > 0
    assert mirror.sync(runner.registry, runner.artifacts, place, ()).calls == 0
    monkeypatch.setattr(mlflow.tracking._tracking_service.utils, "_tracking_uri", place.uri)
    rows = runner.warehouse.query("SELECT * FROM market_features WHERE hour >= $first", {"first": HOURS[0]})
    for detector, version in versions.items():
        loaded = mlflow.pyfunc.load_model(f"models:/mlreg/{version[1:]}")
        model = artifact.load(runner.artifacts, version, runner.registry.version(version).artifact_sha256)
        said = runner.warehouse.query("SELECT * FROM predictions WHERE model_version = $v", {"v": version})
        both = rows.merge(said[["hour", "instrument_id", "score"]], on=["hour", "instrument_id"])
        assert len(both) == len(said) > 200
        features = both[model.features[::-1]]
        answer = loaded.predict(features)
        assert (answer["score"].to_numpy() == both["score"].to_numpy()).all(), detector
        assert (answer["is_anomaly"] == (both["score"] > model.threshold)).all()
        with pytest.raises(MlflowException, match="missing inputs"):
            loaded.predict(features.iloc[:, 1:])
    assert np.isnan(rows[model.features].to_numpy(dtype=float)).any()
    run = mirror.read(mirror.open_client(place)).runs[version].id
    _flip(home / "mlflow" / run, "pipeline.skops")
    with pytest.raises(ArtifactTampered, match="not what was frozen"):
        mlflow.pyfunc.load_model(f"models:/mlreg/{version[1:]}")


def _flip(folder, name):
    """One bit of one file of MLflow's copy."""
    path = next(folder.rglob(name))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
