"""The portable graph says what the pipeline says."""

import json

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import FunctionTransformer

from mlreg_dagster.config import MemberSettings
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores, fit, training_scores
from mlreg_dagster.models.scorers import onnx_scorer
from mlreg_dagster.models.scorers.graph_builder import NotPortable
from mlreg_dagster.models.scorers.onnx_graph import export, shortest_normal_length
from mlreg_dagster_tests.models.builders import DETECTORS, settings_of

NAMES = ["a", "b", "c", "d", "e"]
TINY = 1e-15  # where the expected score is 0, a relative tolerance allows nothing
CLOSE = {
    **dict.fromkeys(("local_outlier_factor", "nearest_neighbors", "ensemble"), 1e-12),  # sums in another order
    "isolation_forest": 1e-15,  # the last bit of a power is rounded otherwise on some processors; labels are the same
}


def rows_of(seed, count=400):
    """Tails, correlation, nulls, rows that are there twice, a feature that hardly varies."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_t(4, size=(count, len(NAMES))) @ np.random.default_rng(9).normal(size=(len(NAMES), len(NAMES)))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[:, 3] = rng.choice([0.0, 0.0, 0.0, 1.0], count)
    rows[count // 2 : count // 2 + 10] = rows[:10]
    return rows


def fitted(detector, rows, **changes):
    pipeline = fit(make_pipeline(settings_of(detector, **changes)), rows)
    threshold = float(np.quantile(training_scores(pipeline, rows), 0.9))
    return pipeline, threshold


def graph_of(pipeline, threshold):
    return onnx_scorer.load(export(pipeline, threshold, NAMES, "v1"), "v1")


@pytest.mark.parametrize("detector", DETECTORS)
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_scores_and_labels_are_those_of_the_pipeline(detector, seed):
    pipeline, threshold = fitted(detector, rows_of(seed))
    rows = np.vstack([rows_of(seed), rows_of(seed + 1), np.full((1, len(NAMES)), np.nan), 1e6 * rows_of(3, 20)])
    scores, labels = graph_of(pipeline, threshold).score(rows)
    expected = anomaly_scores(pipeline, rows)
    np.testing.assert_allclose(scores, expected, rtol=CLOSE.get(detector, 0), atol=TINY if detector in CLOSE else 0)
    np.testing.assert_array_equal(labels, expected > threshold)


@pytest.mark.parametrize("detector", ["isolation_forest", "robust_z_score"])
def test_a_row_at_the_threshold_is_no_anomaly_and_one_above_is(detector):
    rows = rows_of(1)
    pipeline, _ = fitted(detector, rows)
    scores = anomaly_scores(pipeline, rows)
    for threshold in np.quantile(scores, [0.1, 0.5, 0.9, 0.99], method="nearest"):
        _, labels = graph_of(pipeline, threshold).score(rows)
        assert (scores == threshold).any()
        np.testing.assert_array_equal(labels, scores > threshold)


@pytest.mark.parametrize(
    "params", [{"max_samples": 1}, {"max_samples": 2}, {"max_features": 0.5}, {"bootstrap": True}, {"max_samples": 1.0}]
)
def test_forests_of_any_shape_agree(params):
    rows = rows_of(2)
    pipeline, threshold = fitted("isolation_forest", rows, params={"n_estimators": 10, **params})
    scores, labels = graph_of(pipeline, threshold).score(rows)
    expected = anomaly_scores(pipeline, rows)
    np.testing.assert_allclose(scores, expected, rtol=CLOSE["isolation_forest"])
    np.testing.assert_array_equal(labels, expected > threshold)
    np.testing.assert_allclose(scores, -pipeline.score_samples(rows), rtol=1e-9)


def test_a_row_between_a_threshold_and_its_32_bit_value_takes_the_turn_that_it_takes_in_scikit_learn():
    rows = np.random.default_rng(3).normal(size=(300, len(NAMES)))
    pipeline, threshold = fitted("isolation_forest", rows)
    del pipeline.steps[2]
    pipeline["scale"].mean_[:], pipeline["scale"].scale_[:] = 0.0, 1.0
    pipeline["detector"].fit(rows)
    on = np.concatenate([each.tree_.threshold for each in pipeline["detector"].estimators_])
    points = np.vstack([np.nextafter(on, side)[:, None] + np.zeros(len(NAMES)) for side in (-np.inf, np.inf)])
    scores, _ = graph_of(pipeline, threshold).score(points)
    np.testing.assert_allclose(scores, -pipeline.score_samples(points), rtol=CLOSE["isolation_forest"])


@settings(max_examples=200, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(0.5, 40.0))
def test_lengths_are_divided_where_scores_are(threshold, usual):
    length = shortest_normal_length(threshold, usual)
    around = np.array([length, np.nextafter(length, np.inf), np.nextafter(length, 0)])
    scores = 2.0 ** -(around / usual)
    assert (scores[:2] <= threshold).all()
    assert length == 0 or scores[2] > threshold


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_an_ensemble_of_every_detector_in_both_spaces_agrees(seed):
    names = ("isolation_forest", "local_outlier_factor", "nearest_neighbors", "robust_z_score")
    few = {"isolation_forest": {"n_estimators": 10}}
    members = tuple(
        MemberSettings(detector=name, params=few.get(name, {}), whiten=whiten)
        for name in names
        for whiten in (True, False)
    )
    members += members[2:4]  # as many as there may be, of those with the longest graphs
    pipeline, threshold = fitted("ensemble", rows_of(seed), members=members)
    rows = np.vstack([rows_of(seed), rows_of(seed + 1), 1e6 * rows_of(3, 20)])
    scores, labels = graph_of(pipeline, threshold).score(rows)
    expected = anomaly_scores(pipeline, rows)
    np.testing.assert_allclose(scores, expected, rtol=CLOSE["ensemble"], atol=TINY)
    np.testing.assert_array_equal(labels, expected > threshold)


@pytest.mark.parametrize("count", [0, 1, 2, 33])
@pytest.mark.parametrize("detector", DETECTORS)
def test_any_number_of_rows_is_scored_alike(detector, count):
    pipeline, threshold = fitted(detector, rows_of(4))
    graph, rows = graph_of(pipeline, threshold), rows_of(5)
    few, many = graph.score(rows[:count])[0], graph.score(rows)[0]
    np.testing.assert_allclose(few, many[:count], rtol=1e-12)  # products of other heights are rounded otherwise


def test_the_file_names_its_features_and_its_version():
    pipeline, threshold = fitted("isolation_forest", rows_of(6))
    model = onnx.load_from_string(export(pipeline, threshold, NAMES, "v7"))
    said = {each.key: each.value for each in model.metadata_props}
    assert (said["version"], json.loads(said["features"])) == ("v7", NAMES)
    onnx.checker.check_model(model, full_check=True)
    assert len(model.graph.node) < 20


def test_the_same_model_has_the_same_file():
    first, second = (export(*fitted("isolation_forest", rows_of(7)), NAMES, "v1") for _ in range(2))
    assert first == second


def test_what_has_no_graph_is_refused_in_words():
    pipeline, threshold = fitted("local_outlier_factor", rows_of(8), params={"metric": "manhattan"})
    with pytest.raises(NotPortable, match="no graph for a local outlier factor with the metric manhattan"):
        export(pipeline, threshold, NAMES, "v1")
    pipeline.steps[-1] = ("detector", FunctionTransformer())
    with pytest.raises(NotPortable, match="no graph for a FunctionTransformer"):
        export(pipeline, threshold, NAMES, "v1")


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_trained_model_carries_its_graph_through_the_store(world, model_of, store, detector):
    model = model_of(detector)
    saved = artifact.save(store, "v1", model)
    assert "model.onnx" in saved.files
    loaded = artifact.load(store, "v1", saved.sha256)
    rows = loaded.select(world.holdout.rows)
    graph = loaded.graph_scorer()
    assert graph.features == list(rows.columns)
    _, labels = graph.score(rows.to_numpy(dtype=np.float64))
    np.testing.assert_array_equal(labels, loaded.score(rows) > loaded.threshold)
    assert model.manifest["graph"].startswith("labels the ")


def test_a_graph_that_labels_otherwise_is_not_frozen(world, store, monkeypatch):
    score = onnx_scorer.GraphScorer.score
    monkeypatch.setattr(
        onnx_scorer.GraphScorer, "score", lambda graph, rows: (score(graph, rows)[0], ~score(graph, rows)[1])
    )
    model = world.train()
    assert model.manifest["graph"].endswith("nearest to the threshold it labelled 512 differently")
    assert "model.onnx" not in artifact.save(store, "v1", model).files


def test_versions_of_before_have_no_graph_and_score_all_the_same(world, model_of, store):
    artifact.save(store, "v1", model_of("isolation_forest"))
    files = store.read("models", "v1")
    manifest = json.loads(files["manifest.json"])
    del manifest["graph"], manifest["sampled_from_rows"], files["model.onnx"]
    frozen = store.freeze("models", "v2", files | {"manifest.json": json.dumps(manifest).encode()})
    loaded = artifact.load(store, "v2", frozen.sha256)
    rows = loaded.select(world.holdout.rows)
    np.testing.assert_array_equal(loaded.score(rows), model_of("isolation_forest").score(rows))
    with pytest.raises(artifact.NoGraph, match=r"v1 has no model\.onnx: it was frozen before there were graphs"):
        loaded.graph_scorer()
