"""A variant as a version: stored, loaded, labelled by its graph, judged, and made again from its manifest."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config.sections.evaluation import StabilitySettings
from mlreg_dagster.evidence.reproduction import reproduce
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.evaluation import stability, training_chance
from mlreg_dagster.models.optimisation import making
from mlreg_dagster.models.optimisation.making import VariantOfAVariant, make_variant
from mlreg_dagster.models.optimisation.variants import FLOAT32, HALF, QUARTER, NotForThisKind
from mlreg_dagster.models.registration import register
from mlreg_dagster.models.training import CannotTrain, retrain
from mlreg_dagster.registry import Attribution
from mlreg_dagster_tests.models.builders import with_manifest

BY = Attribution("ann", pd.Timestamp("2020-02-01 10:00", tz="UTC"), run_id="run-1")
MADE = [("isolation_forest", HALF), ("local_outlier_factor", FLOAT32), ("ensemble", QUARTER)]


def variant_of(model, world, change, **options):
    return make_variant("v9", model, "v1", change, world.training, **options)


@pytest.mark.parametrize(("detector", "change"), MADE)
def test_a_stored_variant_scores_labels_and_is_reproduced(model_of, world, registry, detector, change):
    model = model_of(detector)
    made = variant_of(model, world, change)
    try:
        record = register(made, world.store, registry, BY)
        assert reproduce(record, world.store).is_exact
        loaded = artifact.load(world.store, "v9", record.artifact_sha256)
    finally:
        _forget(world.store, "v9")
    assert record.manifest["variant"] == {"of": "v1", "change": change}
    assert retrain(dict(record.manifest), world.training).manifest == made.manifest
    rows = loaded.select(world.holdout.rows)
    scores, labels = loaded.graph_scorer().score(rows.to_numpy(dtype=np.float64))
    np.testing.assert_allclose(scores, loaded.score(rows))
    np.testing.assert_array_equal(labels, loaded.score(rows) > loaded.threshold)
    assert (loaded.score(rows) != model.score(rows)).any()


def _forget(store, version):
    import shutil

    shutil.rmtree(str(store.root / "models" / version))


def test_its_threshold_leaves_the_same_share_of_the_training_rows(model_of, world):
    model = model_of("isolation_forest")
    made = variant_of(model, world, QUARTER)
    assert made.threshold != model.threshold
    assert made.manifest["training_anomaly_rate"] == pytest.approx(model.manifest["training_anomaly_rate"], abs=0.01)
    assert made.manifest["training_scores"] != model.manifest["training_scores"]


def test_nothing_is_told_of_a_variant_that_was_told_of_its_parent(model_of, world):
    told = {"cause": {"trigger": "drift", "key": "k", "reason": "r"}, "study": {"name": "s", "trial": 3}, "sweep": {}}
    parent = with_manifest(model_of("isolation_forest"), **told)
    made = variant_of(parent, world, HALF, use_case_sha256="f" * 64)
    assert not told.keys() & made.manifest.keys()
    assert made.manifest["use_case_sha256"] == "f" * 64
    assert made.manifest["settings"] == parent.manifest["settings"]


def test_what_can_not_be_a_variant_is_refused_in_words(model_of, world):
    made = variant_of(model_of("isolation_forest"), world, HALF)
    with pytest.raises(VariantOfAVariant, match=r"it is a variant of v1 already\. Make another variant of v1\."):
        variant_of(made, world, QUARTER)
    with pytest.raises(NotForThisKind, match="it has no trees"):
        variant_of(model_of("robust_z_score"), world, HALF)
    other = with_manifest(model_of("isolation_forest"), dataset_sha256="0" * 64)
    with pytest.raises(CannotTrain, match="was trained on dataset 000"):
        variant_of(other, world, HALF)


def test_refits_of_a_variant_are_as_small_as_it_is(model_of, world, rounds, monkeypatch):
    """What chance in training does is that of a quarter of the trees, not that of the whole forest."""
    sizes, real = [], making.changed

    def counted(*arguments):
        found = real(*arguments)
        sizes.append(len(found[-1].estimators_))
        return found

    made = variant_of(model_of("isolation_forest"), world, QUARTER)
    monkeypatch.setattr(making, "changed", counted)
    training_chance.measure(made, world.training, rounds[:2], 2)
    stability.measure(made, world.training, rounds[:1], StabilitySettings(refits=2, folds=2))
    assert sizes == [6] * (2 + 4)
