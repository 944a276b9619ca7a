"""The files of a crash classifier: its arrays are looked at before they are walked, and its graph says the same."""

from copy import deepcopy

import numpy as np
import onnx
import pytest
import skops.io

from mlreg_dagster.models.artifacts import artifact, canonical
from mlreg_dagster.models.artifacts.artifact import MODELS
from mlreg_dagster.models.artifacts.soundness import require_sound
from mlreg_dagster.models.artifacts.trust import UntrustedModel, load_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores, training_scores
from mlreg_dagster.models.scorers import onnx_scorer
from mlreg_dagster.models.scorers.onnx_graph import export
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.models.classifier.rows import KINDS, data, fitted

NAMES = ["a", "b", "c", "d"]


@pytest.mark.parametrize("calibration", ["platt", "isotonic"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_says_what_the_pipeline_says(kind, calibration):
    pipeline, X, _ = fitted(kind, calibration=calibration)
    threshold = float(np.quantile(training_scores(pipeline, X), 0.92))
    graph = onnx_scorer.load(export(pipeline, threshold, NAMES, "v1"), "v1")
    rows = np.vstack([X, data(3)[0], np.full((1, 4), np.nan), 1e6 * data(4, 20)[0]])
    scores, labels = graph.score(rows)
    expected = anomaly_scores(pipeline, rows)
    np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(labels, expected > threshold)


def test_a_row_at_a_split_takes_the_turn_that_it_takes_in_the_pipeline():
    pipeline, _, _ = fitted("boosting")
    pipeline["scale"].mean_[:], pipeline["scale"].scale_[:] = 0.0, 1.0
    graph = onnx_scorer.load(export(pipeline, 1.0, NAMES, "v1"), "v1")
    on = pipeline[-1].model_["split"]
    rows = np.vstack([np.nextafter(on, side)[:, None] + np.zeros(4) for side in (-np.inf, on, np.inf)])
    np.testing.assert_allclose(graph.score(rows)[0], anomaly_scores(pipeline, rows), rtol=1e-9)


def test_trees_of_one_leaf_have_a_graph():
    pipeline, X, _ = fitted("boosting", min_samples_leaf=4000)
    assert (pipeline[-1].model_["left"] == -1).all()
    content = export(pipeline, 1.0, NAMES, "v1")
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    scores, _ = onnx_scorer.load(content, "v1").score(X)
    np.testing.assert_allclose(scores, anomaly_scores(pipeline, X), rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_holds_no_type_but_its_own(kind):
    content = canonical.to_bytes(fitted(kind)[0])
    own = "mlreg_dagster.models.classifier.classifier.CrashClassifier"
    assert set(skops.io.get_untrusted_types(data=content)) <= {own, "numpy.dtype"}
    assert canonical.to_bytes(fitted(kind)[0]) == content
    pipeline, X, _ = fitted(kind)
    np.testing.assert_array_equal(anomaly_scores(load_pipeline(content, "v1"), X), anomaly_scores(pipeline, X))


def _set(name, place, value):
    def change(detector):
        inner = np.flatnonzero(detector.model_["left"] != -1)
        detector.model_[name][inner[0] if place == "inner" else place] = value

    return change


SPOILED = {
    "child before its parent": (_set("left", "inner", 0), "lead nowhere"),
    "child that is not there": (_set("right", "inner", 10**6), "lead nowhere"),
    "one child": (_set("left", "inner", -1), "lead nowhere: a node has one child"),
    "feature that is not there": (_set("feature", "inner", 4), "features that rows don't have"),
    "feature from the end": (_set("feature", "inner", -1), "features that rows don't have"),
    "split that is no number": (_set("split", "inner", np.nan), "hold what is no number"),
    "value that is no number": (_set("value", 0, np.inf), "hold what is no number"),
    "fewer values": (lambda each: each.model_.update(value=each.model_["value"][:-1]), "other shapes"),
    "places that are no whole numbers": (
        lambda each: each.model_.update(left=each.model_["left"].astype(float)),
        "not made of whole numbers",
    ),
    "calibration": (lambda each: each.calibration_.update(line=np.zeros(3)), "other shapes"),
    "weights": (lambda each: setattr(each, "model_", {"weights": np.zeros(9)}), "other shapes"),
    "corners": (
        lambda each: setattr(each, "calibration_", {"margins": np.array([1.0, 0.0]), "probabilities": np.zeros(2)}),
        "other shapes",
    ),
}


@pytest.fixture(scope="module")
def sound(world, tmp_path_factory):
    """The files of a bundle, and a pipeline that could be in it."""
    store = open_artifacts(str(tmp_path_factory.mktemp("sound")))
    model = world.train("crash_classifier", params=KINDS["boosting"])
    require_sound(model.pipeline)
    return store.read(MODELS, "v1", artifact.save(store, "v1", model).sha256), fitted("boosting")[0]


@pytest.mark.parametrize(("change", "said"), SPOILED.values(), ids=list(SPOILED))
def test_arrays_that_lead_nowhere_are_not_loaded(sound, store, change, said):
    files, pipeline = deepcopy(sound)
    change(pipeline[-1])
    sha256 = store.freeze(MODELS, "v2", {**files, "pipeline.skops": skops.io.dumps(pipeline)}).sha256
    with pytest.raises(UntrustedModel, match=said):
        artifact.load(store, "v2", sha256)
