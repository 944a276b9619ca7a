"""A served model says what the pipeline says."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from mlreg_dagster.config import MemberSettings
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores, fit
from mlreg_dagster.models.scorers import onnx_scorer
from mlreg_dagster.models.scorers.onnx_graph import export
from mlreg_dagster.models.scorers.onnx_scorer import UntrustedGraph
from mlreg_dagster.serving.scoring import model as scoring
from mlreg_dagster.serving.scoring.model import NoFiniteScore, NotServable
from mlreg_dagster.storage.artifacts import ArtifactMissing, ArtifactTampered
from mlreg_dagster_tests.models.builders import DETECTORS, settings_of, with_manifest
from mlreg_dagster_tests.models.classifier.rows import KINDS, data
from mlreg_dagster_tests.models.classifier.rows import fitted as fitted_classifier
from mlreg_dagster_tests.serving.served_models import WALK_FROM_ROWS, frozen, registered, served

SAME_BITS = ("isolation_forest", "robust_z_score")
CLOSE = 1e-12  # sums in another order: neighbours, and ensembles of them


def holes(values, seed=1):
    """The rows with every tenth value unknown, and one row without any."""
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(values.shape) < 0.1, np.nan, values)
    return np.vstack([values, np.full((1, values.shape[1]), np.nan)])


def matrix(model, rows):
    return rows[model.features].to_numpy(dtype=np.float64)


def require_equal(detector, found, expected):
    if detector in SAME_BITS:
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=CLOSE, atol=1e-15)


@pytest.mark.parametrize("detector", DETECTORS)
def test_scores_are_those_of_the_pipeline_on_the_holdout_with_nulls(detector, world, model_of, store):
    model = model_of(detector)
    online = served(store, model)
    X = holes(matrix(model, world.holdout.rows))
    expected = anomaly_scores(model.pipeline, X)
    require_equal(detector, online.score(X), expected)
    few = np.concatenate([online.score(X[start : start + 7]) for start in range(0, len(X), 7)])
    require_equal(detector, few, expected)
    single = np.concatenate([online.score(row[np.newaxis]) for row in X[:50]])
    require_equal(detector, single, expected[:50])
    assert online.score(X[:0]).shape == (0,)


@pytest.mark.parametrize("detector", DETECTORS)
def test_rows_that_lie_otherwise_in_memory_score_alike(detector, world, model_of, store):
    """As columns that a client gave in another order are put into that of the model."""
    model = model_of(detector)
    online, X = served(store, model), matrix(model, world.holdout.rows)[:64]
    turned = np.asfortranarray(X)
    shuffled = np.random.default_rng(2).permutation(X.shape[1])
    back = X[:, shuffled][:, np.argsort(shuffled)]
    for other in (turned, back, np.repeat(X, 2, axis=0)[::2]):
        require_equal(detector, online.score(other), anomaly_scores(model.pipeline, X))


@pytest.mark.parametrize("calibration", ["platt", "isotonic"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_classifier_is_served(kind, calibration, model_of, store):
    pipeline, X, _ = fitted_classifier(kind, calibration=calibration)
    names = [f"column {number}" for number in range(X.shape[1])]
    like = model_of("robust_z_score")
    settings = {**like.manifest["settings"], "detector": "crash_classifier"}
    graph = export(pipeline, 1.0, names, "v1")
    baseline = fit(make_pipeline(settings_of("robust_z_score")), X)
    manifest = {**like.manifest, "settings": settings, "features": names, "usual": None}
    online = served(store, replace(like, pipeline=pipeline, baseline=baseline, manifest=manifest, graph=graph))
    rows = holes(np.vstack([X, data(3)[0]]))
    np.testing.assert_allclose(online.score(rows), anomaly_scores(pipeline, rows), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "params", [{"max_samples": 1}, {"max_samples": 2}, {"max_features": 0.5}, {"bootstrap": True}, {"max_samples": 1.0}]
)
@pytest.mark.parametrize("trees", [1, 4, 8])
def test_forests_of_any_shape_are_walked_to_the_same_bits(params, trees, world, store):
    model = world.train(params={"n_estimators": trees, **params}, whiten=False)
    online = served(store, model)
    assert online._scorer.walk is not None
    X = holes(matrix(model, world.holdout.rows)[:200])
    np.testing.assert_array_equal(online.score(X), anomaly_scores(model.pipeline, X))
    np.testing.assert_array_equal(online.score(X[:3]), anomaly_scores(model.pipeline, X[:3]))


def test_a_row_at_a_split_takes_the_turn_that_it_takes_in_the_pipeline(world, store):
    model = world.train(whiten=False)
    model.pipeline["scale"].mean_[:], model.pipeline["scale"].scale_[:] = 0.0, 1.0
    graph = export(model.pipeline, model.threshold, model.features, "v1")
    online = served(store, replace(model, graph=graph), walk_from_rows=1)
    on = np.concatenate([each.tree_.threshold for each in model.pipeline["detector"].estimators_])
    rows = np.vstack(
        [np.nextafter(on, side)[:, None] + np.zeros(len(model.features)) for side in (-np.inf, on, np.inf)]
    )
    np.testing.assert_array_equal(online.score(rows), anomaly_scores(model.pipeline, rows))


def test_forests_in_an_ensemble_are_walked(world, store):
    members = (
        MemberSettings(detector="isolation_forest", params={"n_estimators": 10}, whiten=True),
        MemberSettings(detector="local_outlier_factor", whiten=True),
        MemberSettings(detector="isolation_forest", params={"n_estimators": 9}, whiten=False),
    )
    model = world.train("ensemble", members=members)
    online = served(store, model)
    assert len(online._scorer.walk.forests) == 2
    X = holes(matrix(model, world.holdout.rows))
    expected = anomaly_scores(model.pipeline, X)
    np.testing.assert_allclose(online.score(X), expected, rtol=CLOSE)
    np.testing.assert_allclose(online.score(X[: WALK_FROM_ROWS - 1]), expected[: WALK_FROM_ROWS - 1], rtol=CLOSE)


def test_what_has_no_graph_is_refused_in_words(model_of, store):
    model = with_manifest(model_of("robust_z_score"), graph="There is no graph for a mine.")
    with pytest.raises(
        NotServable, match=r"v1 can't be served, for it has no model\.onnx: There is no graph for a mine"
    ):
        served(store, replace(model, graph=None))


def test_a_version_of_before_there_were_graphs_is_refused(model_of, store):
    model = model_of("robust_z_score")
    manifest = {name: value for name, value in model.manifest.items() if name != "graph"}
    with pytest.raises(NotServable, match="frozen before there were graphs"):
        served(store, replace(model, graph=None, manifest=manifest))


def test_bundles_are_read_by_their_hash(model_of, store):
    version = frozen(store, model_of("robust_z_score"))
    with pytest.raises(ArtifactTampered):
        scoring.load(store, registered("v1", "1" * 64), WALK_FROM_ROWS)
    with pytest.raises(ArtifactMissing):
        scoring.load(store, registered("v2", version.artifact_sha256), WALK_FROM_ROWS)
    (store.local / "models" / "v1" / "model.onnx").write_bytes(b"other")
    with pytest.raises(ArtifactTampered):
        scoring.load(store, version, WALK_FROM_ROWS)


def test_a_graph_of_other_features_or_with_other_operators_is_refused(model_of, store):
    model = model_of("robust_z_score")
    files = {"manifest.json": json.dumps({**model.manifest, "features": ["a"], "usual": None}).encode()}
    frozen_bundle = store.freeze("models", "v1", {**files, "model.onnx": model.graph})
    with pytest.raises(UntrustedGraph, match="graph of v1 can't be used"):
        scoring.load(store, registered("v1", frozen_bundle.sha256), WALK_FROM_ROWS)
    files = {"manifest.json": json.dumps({**model.manifest, "version": "v2"}).encode()}
    frozen_bundle = store.freeze("models", "v2", {**files, "model.onnx": b"\x08\x0a not a graph"})
    with pytest.raises(UntrustedGraph, match="graph of v2 can't be used"):
        scoring.load(store, registered("v2", frozen_bundle.sha256), WALK_FROM_ROWS)


@pytest.mark.parametrize("change", [{"features": 5}, {"threshold": float("nan")}, {"version": "v9"}, {"usual": [1]}])
def test_a_manifest_of_another_form_is_refused(change, model_of, store):
    model = model_of("robust_z_score")
    files = {"manifest.json": json.dumps({**model.manifest, **change}).encode(), "model.onnx": model.graph}
    saved = store.freeze("models", "v1", files)
    with pytest.raises(NotServable, match="no manifest of a model"):
        scoring.load(store, registered("v1", saved.sha256), WALK_FROM_ROWS)


def test_rows_without_a_finite_score_are_named(model_of, store):
    online = served(store, model_of("robust_z_score"))
    X = np.zeros((3, len(online.features)))
    X[1] = 1.7e308
    X[2] = -1.7e308
    with pytest.raises(NoFiniteScore, match=r"of 3 rows, the first of them row 1 \(counted from 0\)"):
        online.score(X)


def test_a_score_is_placed_among_the_training_scores(world, model_of, store):
    model = model_of("isolation_forest")
    online = served(store, model)
    training = np.sort(model.score(world.training.rows[model.features]))
    X = matrix(model, world.holdout.rows)
    scores = online.score(X)
    shares = np.searchsorted(training, scores, side="right") / len(training)
    np.testing.assert_allclose(online.quantile_of(scores), shares, atol=0.006)
    np.testing.assert_array_equal(online.quantile_of(np.array([-1.0, 2.0])), [0.0, 1.0])
    model = world.train(flagging={"policy": "frozen"}, version="v2")
    assert np.isnan(served(store, model).quantile_of(scores)).all()


_ALONE = """
import sys
from numba.core import caching
caching.CacheImpl._locator_classes = []
import numpy as np
from mlreg_dagster.serving.scoring import model
from mlreg_dagster.storage.artifacts import open_artifacts
from datetime import UTC, datetime
from mlreg_dagster.registry import ModelVersion
version = ModelVersion("v1", datetime.now(UTC), "t", None, "any", "d", "0", sys.argv[2], {})
served = model.load(open_artifacts(sys.argv[1]), version, 16)
X = np.zeros((20, len(served.features)))
print(served.score(X)[0], served.reasons(X[:1], served.score(X[:1]), ["2026-01-01T00 a"])[0][0].family)
print(sorted({"dagster", "pandas", "sklearn", "skops"} & set(sys.modules)))
"""


def test_a_server_needs_neither_scikit_learn_nor_pandas_nor_a_cache(model_of, store):
    """In a process of its own, whose compiled loops can be kept nowhere."""
    model = model_of("isolation_forest")
    version = frozen(store, model)
    done = subprocess.run(
        [sys.executable, "-c", _ALONE, str(store.root), version.artifact_sha256],
        check=True,
        capture_output=True,
        text=True,
    )
    scores, loaded = done.stdout.splitlines()
    score, family = scores.split()
    assert float(score) == anomaly_scores(model.pipeline, np.zeros((1, len(model.features))))[0]
    assert family
    assert loaded == "[]"


def test_the_graph_is_looked_at_as_anywhere_else(model_of, store, monkeypatch):
    monkeypatch.setattr(onnx_scorer, "_MOST_OPERATORS", 3)
    with pytest.raises(UntrustedGraph, match="more than 3 operators"):
        served(store, model_of("robust_z_score"))
    assert artifact.MODELS == "models"
