import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.detectors.names import SCORERS
from mlreg_dagster.models.registration import next_version, register
from mlreg_dagster.registry import Attribution, VersionExists
from mlreg_dagster.storage.artifacts import ArtifactMissing, ArtifactTampered, open_artifacts
from mlreg_dagster_tests.models.builders import with_manifest

NOW = pd.Timestamp("2020-02-01 10:00", tz="UTC")


@pytest.fixture(scope="module")
def model(model_of):
    return model_of("isolation_forest")


def enter(model, store, registry, now=NOW, run_id="run-1"):
    return register(model, store, registry, Attribution("ann", now, run_id=run_id))


def test_a_registered_version_names_its_bytes_and_how_it_was_made(model, store, registry, world):
    record = enter(model, store, registry)
    assert record == registry.version("v1")
    assert record.artifact_sha256 == store.find("models", "v1").sha256
    assert record.manifest == model.manifest
    assert (record.detector, record.dataset_day) == ("isolation_forest", "2020-01-12")
    assert record.dataset_sha256 == world.training.sha256
    assert (record.created_at, record.created_by, record.run_id) == (NOW, "ann", "run-1")
    assert artifact.load(store, "v1", record.artifact_sha256).features == model.features


def test_bytes_that_a_crash_left_behind_are_taken_over(model, store, registry, world):
    left_behind = artifact.save(store, "v1", model)
    again = world.train()
    record = enter(again, store, registry)
    assert record.artifact_sha256 == left_behind.sha256
    assert registry.versions() == [record]
    loaded = artifact.load(store, "v1", record.artifact_sha256)
    rows = loaded.select(world.holdout.rows)
    np.testing.assert_array_equal(loaded.score(rows), again.score(rows))


@pytest.mark.parametrize("detector", SCORERS)
def test_the_same_training_gives_the_same_bytes(world, store, tmp_path, detector):
    one = artifact.save(store, "v1", world.train(detector))
    other = artifact.save(open_artifacts(str(tmp_path / "other")), "v1", world.train(detector))
    assert one.files == other.files


@pytest.mark.parametrize("name", ["pipeline.skops", "baseline.skops", "model.onnx", "more", "none"])
def test_bytes_that_this_run_did_not_train_are_never_registered(model, store, registry, world, tmp_path, name):
    honest = artifact.save(open_artifacts(str(tmp_path / "elsewhere")), "v1", model)
    files = open_artifacts(str(tmp_path / "elsewhere")).read("models", "v1", honest.sha256)
    other = artifact.save(open_artifacts(str(tmp_path / "third")), "v1", world.train(seed=43))
    others = open_artifacts(str(tmp_path / "third")).read("models", "v1", other.sha256)
    planted = {key: content for key, content in files.items() if not (name == "none" and key == "model.onnx")}
    if name != "none":
        planted[name] = others.get(name, b"more") if name != "baseline.skops" else files["pipeline.skops"]
    before = store.freeze("models", "v1", planted)
    with pytest.raises(VersionExists, match=r"models/v1 is frozen with other content .*this run did not train it"):
        enter(model, store, registry)
    assert registry.versions() == []
    assert store.find("models", "v1") == before


def test_registering_the_same_training_again_changes_nothing(model, store, registry, world):
    first = enter(model, store, registry)
    assert enter(world.train(), store, registry, now=NOW + pd.Timedelta(days=1), run_id="run-2") == first
    assert registry.versions() == [first]
    assert store.keys("models") == ["v1"]


@pytest.mark.parametrize("others", [{"libraries": {"python": "9.9"}}, {"code": {"package": {"commit": "abc"}}}])
def test_other_libraries_or_code_alone_do_not_make_it_another_training(model, store, registry, others):
    first = enter(model, store, registry)
    assert enter(with_manifest(model, **others), store, registry) == first


@pytest.mark.parametrize(
    ("registered", "said"),
    [(True, "v1 was trained in another way .*settings"), (False, "is frozen with other content .*manifest.json")],
    ids=["registered", "left behind"],
)
def test_a_version_is_never_trained_again_in_place(store, registry, world, model, registered, said):
    enter(model, store, registry) if registered else artifact.save(store, "v1", model)
    before, records = store.find("models", "v1"), registry.versions()
    with pytest.raises(VersionExists, match=f"{said}.* Train under a new version"):
        enter(world.train(seed=43), store, registry)
    assert (store.find("models", "v1"), registry.versions()) == (before, records)


def test_a_record_whose_bytes_were_lost_is_not_given_other_bytes(model, store, registry, tmp_path):
    first = enter(model, store, registry)
    elsewhere = open_artifacts(str(tmp_path / "elsewhere"))
    other = with_manifest(model, threshold=model.threshold + 1)
    with pytest.raises(VersionExists, match="v1 was trained in another way"):
        enter(other, elsewhere, registry)
    with pytest.raises(ArtifactMissing):
        enter(model, elsewhere, registry)
    assert elsewhere.keys("models") == []
    assert registry.versions() == [first]


def test_bytes_left_behind_that_are_damaged_are_refused(model, store, registry, tmp_path):
    artifact.save(store, "v1", model)
    (tmp_path / "artifacts" / "models" / "v1" / "baseline.skops").write_bytes(b"something else")
    with pytest.raises(ArtifactTampered):
        enter(model, store, registry)
    assert registry.versions() == []


def test_the_next_version_is_one_that_nothing_uses(model, store, registry):
    assert next_version(registry, store, []) == "v1"
    assert next_version(registry, store, ["v3", "no version"]) == "v4"
    enter(model, store, registry)
    assert next_version(registry, store, []) == "v2"
    artifact.save(store, "v11", with_manifest(model, version="v11"))
    assert next_version(registry, store, ["v3"]) == "v12"
    assert next_version(registry, store, ["v20", "v3"]) == "v21"
