"""Model files that are not what they seem: nothing in them may run."""

import functools
import io
import json
import os
import pickle
from importlib import import_module
from pathlib import Path
from zipfile import ZipFile

import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.extensions.detectors import full_name
from mlreg_dagster.market.features.provenance import OtherFeatureSettings
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import MODELS
from mlreg_dagster.models.artifacts.trust import TRUSTED_TYPES, UntrustedModel
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.names import SCORERS
from mlreg_dagster.models.detectors.plugin import PluginDetector
from mlreg_dagster.models.detectors.robust_z_score import RobustZScore
from mlreg_dagster.models.evaluation.evaluation import evaluate
from mlreg_dagster.storage.artifacts import ArtifactMissing, ArtifactTampered, open_artifacts
from mlreg_dagster_tests.models.builders import DETECTORS, FEATURES, settings_of

FILES = ("pipeline.skops", "baseline.skops", "manifest.json")
FEW = ("change_1h_pct", "change_24h_pct", "slog_volume_24h")


class Evil:
    """Leaves a sign wherever it is brought back to life."""

    def __init__(self, sign: Path) -> None:
        self.sign = str(sign)

    def __reduce__(self):
        return os.system, (f"touch {self.sign}",)


class EvilState:
    def __init__(self, sign: Path) -> None:
        self.sign = str(sign)

    def __getstate__(self):
        return {"sign": self.sign}

    def __setstate__(self, state):
        Path(state["sign"]).touch()


def as_pickle(sign: Path) -> bytes:
    return pickle.dumps(Evil(sign))


def as_class(sign: Path) -> bytes:
    return skops.io.dumps(Pipeline([("evil", EvilState(sign))]))


def as_function(sign: Path) -> bytes:
    return skops.io.dumps(Pipeline([("evil", FunctionTransformer(functools.partial(os.system, f"touch {sign}")))]))


def as_renamed_class(sign: Path) -> bytes:
    """A skops file whose description was edited to name os.system."""
    edited = io.BytesIO()
    with ZipFile(io.BytesIO(as_class(sign))) as source, ZipFile(edited, "w") as target:
        for name in source.namelist():
            text = source.read(name).decode()
            text = text.replace('"__class__": "EvilState"', '"__class__": "system"')
            target.writestr(name, text.replace(f'"__module__": "{__name__}"', '"__module__": "os"'))
    return edited.getvalue()


EVIL = [as_pickle, as_class, as_function, as_renamed_class]


@pytest.fixture(scope="module")
def model(model_of):
    return model_of("isolation_forest")


@pytest.fixture
def sign(tmp_path):
    return tmp_path / "evil-was-here"


def files_of(store, version="v1"):
    return store.read(MODELS, version)


def test_the_signs_would_be_left_if_the_files_were_trusted(sign):
    pickle.loads(as_pickle(sign))
    assert sign.exists()
    sign.unlink()
    content = as_class(sign)
    skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))
    assert sign.exists()


@pytest.mark.parametrize("place", FILES[:2])
@pytest.mark.parametrize("make", EVIL)
def test_a_registered_file_with_code_in_it_is_refused_and_nothing_runs(store, model, sign, make, place):
    artifact.save(store, "v1", model)
    frozen = store.freeze(MODELS, "v2", files_of(store) | {place: make(sign)})
    with pytest.raises(UntrustedModel, match=r"v2 (asks for types that are not trusted|can't be read)"):
        artifact.load(store, "v2", frozen.sha256)
    assert not sign.exists()


def test_the_type_that_is_not_trusted_is_named(store, model, sign):
    artifact.save(store, "v1", model)
    for version, make, name in [("v2", as_class, "EvilState"), ("v3", as_function, "system")]:
        frozen = store.freeze(MODELS, version, files_of(store) | {"pipeline.skops": make(sign)})
        with pytest.raises(UntrustedModel, match=rf"{version} asks for types that are not trusted: .*{name}"):
            artifact.load(store, version, frozen.sha256)


@pytest.mark.parametrize("content", [b"", b"no zip file", skops.io.dumps({"a": 1}), skops.io.dumps([1])])
def test_a_file_that_is_no_pipeline_is_refused(store, model, content):
    artifact.save(store, "v1", model)
    frozen = store.freeze(MODELS, "v2", files_of(store) | {"pipeline.skops": content})
    with pytest.raises(UntrustedModel, match=r"v2 (can't be read as a skops file|holds a (dict|list) where)"):
        artifact.load(store, "v2", frozen.sha256)


@given(name=st.sampled_from(FILES), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_changed_bit_is_found(tmp_path_factory, model, name, place, bit):

    folder = tmp_path_factory.mktemp("store")
    store = open_artifacts(str(folder))
    frozen = artifact.save(store, "v1", model)
    path = folder / MODELS / "v1" / name
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(ArtifactTampered, match=name):
        artifact.load(store, "v1", frozen.sha256)


@pytest.mark.parametrize("make", EVIL)
def test_an_exchanged_file_is_found_before_it_is_parsed(store, tmp_path, model, sign, make, monkeypatch):
    frozen = artifact.save(store, "v1", model)
    (tmp_path / "artifacts" / MODELS / "v1" / "pipeline.skops").write_bytes(make(sign))
    monkeypatch.delattr(skops.io, "get_untrusted_types")  # parsing fails
    monkeypatch.delattr(skops.io, "loads")
    with pytest.raises(ArtifactTampered, match=r"pipeline\.skops"):
        artifact.load(store, "v1", frozen.sha256)
    assert not sign.exists()


def test_a_bundle_that_was_exchanged_as_a_whole_is_found(store, model, model_of):
    frozen = artifact.save(store, "v1", model)
    other = artifact.save(store, "v2", model_of("robust_z_score"))
    assert other.sha256 != frozen.sha256
    with pytest.raises(ArtifactTampered):
        artifact.load(store, "v2", frozen.sha256)
    with pytest.raises(ArtifactMissing):
        artifact.load(store, "v3", frozen.sha256)


@pytest.fixture(scope="module")
def variants(world):
    """A model of each detector, and of each way in which a local outlier factor may look for neighbours."""
    factor = [
        {"algorithm": "kd_tree"},
        {"algorithm": "ball_tree"},
        {"algorithm": "brute"},
        {"metric": "manhattan"},
        {"metric": "chebyshev"},
        {"metric": "minkowski", "p": 3},
        {"metric": "cosine"},
    ]
    return [
        *(world.train(detector, features=FEW) for detector in SCORERS),
        world.train("isolation_forest", params={"bootstrap": True, "n_estimators": 5}),
        *(world.train("local_outlier_factor", params=params, features=FEW) for params in factor),
    ]


def test_every_variant_survives_its_file(world, variants, tmp_path):

    store = open_artifacts(str(tmp_path / "artifacts"))
    for number, model in enumerate(variants, start=1):
        saved = artifact.save(store, f"v{number}", model)
        loaded = artifact.load(store, f"v{number}", saved.sha256)
        rows = model.select(world.holdout.rows)
        assert loaded.score(rows).tobytes() == model.score(rows).tobytes(), model.manifest["settings"]


def test_no_type_is_trusted_that_no_model_needs(variants):
    needed = {
        name
        for model in variants
        for pipeline in (model.pipeline, model.baseline)
        for name in skops.io.get_untrusted_types(data=skops.io.dumps(pipeline))
    }
    assert needed == TRUSTED_TYPES


def test_a_model_that_could_not_be_loaded_again_is_not_frozen(world, store):
    model = world.train("local_outlier_factor", params={"metric": "canberra"}, features=FEW)
    with pytest.raises(UntrustedModel, match=r"CanberraDistance64.*Use parameters that need no such type"):
        artifact.save(store, "v1", model)
    assert store.keys(MODELS) == []


@pytest.mark.parametrize("detector", DETECTORS)
def test_evaluating_changes_neither_the_artifact_nor_what_is_in_memory(world, rounds, model_of, store, detector):
    saved = artifact.save(store, "v1", model_of(detector))
    model = artifact.load(store, "v1", saved.sha256)
    before = [pickle.dumps(part) for part in (model.pipeline, model.baseline, model.manifest)]
    evaluate(model, world.holdout, rounds, EvaluationSettings())
    assert [pickle.dumps(part) for part in (model.pipeline, model.baseline, model.manifest)] == before
    assert artifact.load(store, "v1", saved.sha256)
    assert store.find(MODELS, "v1") == saved


def test_selecting_keeps_the_models_order_and_what_is_missing_stays_missing(world, model):
    shuffled = world.holdout.rows[world.holdout.rows.columns[::-1]]
    assert list(model.select(shuffled).columns) == model.features
    assert "is_gap" not in model.select(shuffled.drop(columns="is_gap"))


def test_the_manifest_says_with_which_settings_the_features_were_computed(model):
    assert model.manifest["feature_settings"] == FEATURES.model_dump(mode="json")
    assert model.manifest["feature_fingerprint"] == FEATURES.fingerprint


def test_rows_of_other_feature_settings_are_not_selected(world, model):
    other = FEATURES.override({"min_window_share": 0.6})
    rows = world.holdout.rows
    last = rows["hour"] == rows["hour"].max()
    made_with = rows["feature_settings"].astype("str").mask(last, other.text)
    mixed = rows.assign(feature_settings=made_with)
    with pytest.raises(OtherFeatureSettings) as caught:
        model.select(mixed)
    text = str(caught.value)
    assert f"{last.sum()} of {len(rows)} rows of market_features (in 2020-01-12-23:00...2020-01-12-23:00)" in text
    assert "min_window_share is 0.6 there, 0.5 in the manifest of v1. v1 can't judge them. Train a new" in text
    with pytest.raises(OtherFeatureSettings, match="it is unknown whether"):
        model.select(rows.drop(columns="feature_settings"))


def test_the_manifest_can_be_read_without_this_project(store, tmp_path, model):
    artifact.save(store, "v1", model)
    text = (tmp_path / "artifacts" / MODELS / "v1" / "manifest.json").read_text()
    assert json.loads(text)["version"] == "v1"


def test_the_pipelines_of_all_detectors_have_the_same_first_steps():
    for detector in DETECTORS:
        assert list(make_pipeline(settings_of(detector)).named_steps)[:2] == ["impute", "scale"]


def test_model_files_name_classes_as_the_first_ones_did():
    """Whatever file a class is in: the files that were frozen with these names must load for good."""
    for name, cls in (
        ("mlreg_dagster.models.detectors.RobustZScore", RobustZScore),
        ("mlreg_dagster.models.plugin_detector.PluginDetector", PluginDetector),
    ):
        module, _, attribute = name.rpartition(".")
        assert full_name(cls) == name
        assert getattr(import_module(module), attribute) is cls
