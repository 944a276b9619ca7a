"""Models of plug-ins' detectors: what is recorded of them, what their files may hold, and what is refused in words."""

import numpy as np
import pytest

from mlreg_dagster.config import ConfigError
from mlreg_dagster.extensions import detector, isolated, sklearn_detector
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import NoGraph
from mlreg_dagster.models.artifacts.trust import UntrustedModel
from mlreg_dagster.models.detectors import names as detector_names
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.plugin import DetectorFailed, DetectorNotInstalled
from mlreg_dagster.models.training import CannotTrain
from mlreg_dagster_tests.models.builders import settings_of
from mlreg_dagster_tests.testing import planted

SVM = "sklearn.svm._classes.OneClassSVM"


def one_class_svm(nu=0.1):
    from sklearn.svm import OneClassSVM

    return OneClassSVM(nu=nu)


@pytest.fixture(autouse=True)
def plugins():
    with isolated():
        planted.register_detectors()
        sklearn_detector("svm", types=[SVM])(one_class_svm)
        yield


@pytest.fixture
def saved(world, store):
    """A model of a plug-in's detector, and the hash of its bundle."""
    model = world.train("svm")
    return model, artifact.save(store, "v1", model).sha256


def test_the_manifest_names_the_plug_in_its_version_and_its_types(saved, store):
    loaded = artifact.load(store, "v1", saved[1])
    plugin = {"name": "mlreg_dagster_tests", "version": "unknown", "types": [SVM]}
    assert loaded.manifest["plugin"] == saved[0].manifest["plugin"] == plugin


def test_a_detector_of_the_package_names_no_plug_in(model_of):
    assert "plugin" not in model_of("robust_z_score").manifest


def test_it_is_scored_by_its_pipeline_and_the_manifest_says_so(saved, store, world):
    loaded = artifact.load(store, "v1", saved[1])
    assert loaded.manifest["graph"] == "There is no graph for a svm."
    with pytest.raises(NoGraph, match=r"v1 has no model.onnx: There is no graph for a svm.*Score with its pipeline"):
        loaded.graph_scorer()
    assert detector_names.scorer_of("svm") == "plug-in mlreg_dagster_tests unknown"
    assert np.isfinite(loaded.score(loaded.select(world.holdout.rows))).all()


def test_a_model_of_a_plug_in_that_is_not_installed_is_refused_before_its_file_is_read(saved, store, monkeypatch):
    monkeypatch.setattr("skops.io.loads", lambda *_, **__: pytest.fail("the file was read"))
    with isolated():
        detector_names.DETECTORS._entries.clear()
        with pytest.raises(DetectorNotInstalled, match=r"v1 is a model of the detector svm, which no inst"):
            artifact.load(store, "v1", saved[1])
        with pytest.raises(ConfigError, match="there is no detector 'svm'; allowed are isolation_forest"):
            make_pipeline(settings_of("svm"))
        assert detector_names.scorer_of("svm") == "a plug-in that is not installed"


def test_another_version_of_the_plug_in_is_said(saved, monkeypatch):
    assert not any("mlreg_dagster_tests" in remark for remark in saved[0].remarks)
    monkeypatch.setattr("mlreg_dagster_tests.__version__", "9", raising=False)
    assert any("mlreg_dagster_tests unknown → 9" in remark for remark in saved[0].remarks)


def test_types_of_one_plug_in_are_trusted_in_its_files_alone(world, store):
    model = world.train("declared")
    artifact.save(store, "v1", model)
    other = model.manifest | {"settings": model.manifest["settings"] | {"detector": "robust_z_score"}}
    with pytest.raises(UntrustedModel, match=r"asks for types that are not trusted: .*Centre"):
        artifact.save(store, "v2", type(model)(model.pipeline, model.baseline, other))
    swapped = model.manifest | {"settings": model.manifest["settings"] | {"detector": "sound"}}
    with pytest.raises(UntrustedModel, match="not trusted"):
        artifact.save(store, "v3", type(model)(model.pipeline, model.baseline, swapped))


def test_the_detector_of_the_file_is_that_of_the_manifest(world, store):
    model = world.train("sound")
    detector("sound_too")(planted.Sound)
    other = model.manifest | {"settings": model.manifest["settings"] | {"detector": "sound_too"}}
    with pytest.raises(UntrustedModel, match="v1 is a model of sound, but its manifest names sound_too"):
        artifact.save(store, "v1", type(model)(model.pipeline, model.baseline, other))


def test_an_estimator_that_was_not_declared_is_refused(world):
    sklearn_detector("undeclared", types=[])(one_class_svm)
    with pytest.raises(DetectorFailed, match=rf"makes a {SVM}, which is not among the types that it declares \(none\)"):
        world.train("undeclared")


class Failing(planted.Sound):
    fails_with: BaseException | None = None
    scores = staticmethod(lambda X: np.full(len(X), np.nan))

    def fit(self, X):  # noqa: ARG002
        if self.fails_with:
            raise self.fails_with

    def score(self, X):
        return self.scores(X)


@pytest.mark.parametrize(
    ("attributes", "error", "said"),
    [
        (
            {"fails_with": RuntimeError("no convergence")},
            DetectorFailed,
            "be fitted: RuntimeError: no convergence",
        ),
        (
            {"fails_with": ValueError("too few")},
            CannotTrain,
            "failing can't be fitted to .* dataset .*: too few",
        ),
        ({}, DetectorFailed, "or some that are not finite"),
        ({"scores": staticmethod(lambda X: X)}, DetectorFailed, r"gave scores of shape \(512, \d+\) for 512 rows"),
        ({"scores": staticmethod(lambda X: X.no_such)}, DetectorFailed, "can't score: AttributeError"),
    ],
)
def test_a_failing_detector_is_named(world, attributes, error, said):
    detector("failing")(type("Failing", (Failing,), attributes))
    with pytest.raises(error, match=said):
        world.train("failing")


def test_a_seed_reaches_the_factory():
    seeds = []

    def factory(seed, nu=0.1):
        seeds.append(seed)
        return one_class_svm(nu)

    sklearn_detector("seeded", types=[SVM])(factory)
    make_pipeline(settings_of("seeded", seed=7))
    assert seeds == [7]
