import json

import numpy as np
import pytest

from mlreg_dagster.models.training import NOT_FEATURES, CannotTrain, retrain, train
from mlreg_dagster_tests.models.builders import DAY_ENDS, settings_of, with_manifest, with_rows


def test_the_manifest_says_how_the_model_was_made(world, model_of):
    model = model_of("isolation_forest")
    manifest = model.manifest
    assert json.loads(json.dumps(manifest)) == manifest
    assert manifest["dataset_sha256"] == world.training.sha256
    assert manifest["dataset_day"] == "2020-01-12"
    assert manifest["features"] == [name for name in world.training.rows.columns if name not in NOT_FEATURES]
    assert manifest["settings"] == settings_of("isolation_forest").model_dump(mode="json")
    assert manifest["scores_from"] == "2020-01-13T00:00:00+00:00"
    assert model.scores_from == DAY_ENDS
    assert model.training_end == world.training.window.end
    assert {"scikit-learn", "skops", "numpy", "mlreg_dagster"} <= manifest["libraries"].keys()
    assert manifest["code"]["package"].keys() >= {"version", "from"}


def test_every_engineered_feature_is_used_and_no_key(model_of):
    assert len(model_of("isolation_forest").features) == 36
    assert not set(NOT_FEATURES) & set(model_of("isolation_forest").features)


@pytest.mark.parametrize("name", ["change_60m_pct", "hour", "instrument_id"])
def test_features_that_the_dataset_does_not_have_are_named(world, name):
    with pytest.raises(CannotTrain, match=rf"does not have: {name}\. It has: change_1h_pct, "):
        world.train(features=("change_1h_pct", name))


def test_no_features_at_all_are_refused(world):
    with pytest.raises(CannotTrain, match="0 feature"):
        world.train(features=())


def test_a_large_dataset_is_sampled_by_the_seed(world):
    rows = len(world.training.rows)
    small, again, other = (world.train(max_training_rows=100, seed=seed) for seed in (1, 1, 2))
    features = world.holdout.rows[small.features]
    assert small.manifest["training_rows"] == 100 < rows
    assert small.manifest["sampled_from_rows"] == rows
    np.testing.assert_array_equal(small.score(features), again.score(features))
    np.testing.assert_array_equal(small.pipeline["scale"].mean_, again.pipeline["scale"].mean_)
    assert (small.pipeline["scale"].mean_ != other.pipeline["scale"].mean_).any()
    assert world.train(max_training_rows=rows).manifest["training_rows"] == rows


def test_fewer_rows_than_neighbours_are_refused(world):
    settings = settings_of("local_outlier_factor", params={"n_neighbors": 30})
    with pytest.raises(CannotTrain, match=r"2020-01-12 has 30 rows; with n_neighbors 30 at least 31 are needed"):
        train("v1", with_rows(world.training, world.training.rows.iloc[:30]), DAY_ENDS, settings)
    assert train("v1", with_rows(world.training, world.training.rows.iloc[:31]), DAY_ENDS, settings)


@pytest.mark.parametrize(
    ("detector", "params", "reason"),
    [
        ("isolation_forest", {"n_estimators": -1}, "n_estimators"),
        ("isolation_forest", {"max_samples": "many"}, "max_samples"),
        ("local_outlier_factor", {"n_neighbors": "few"}, "n_neighbors"),
        ("local_outlier_factor", {"metric": "seuclidean"}, "positional argument"),
        ("local_outlier_factor", {"metric": "gut feeling"}, "metric"),
    ],
)
def test_a_value_that_the_detector_refuses_is_named(world, detector, params, reason):
    with pytest.raises(
        CannotTrain, match=rf"{detector} can't be fitted to the \d+ rows of dataset 2020-01-12: .*{reason}"
    ):
        world.train(detector, params=params)


def test_infinite_features_are_refused(world):
    rows = world.training.rows.assign(market_cap_to_volume=np.inf)
    with pytest.raises(CannotTrain, match="infinity"):
        train("v1", with_rows(world.training, rows), DAY_ENDS, settings_of("isolation_forest"))


def test_a_version_is_not_trained_again_on_other_data(world, model_of):
    model = with_manifest(model_of("isolation_forest"), dataset_sha256="0" * 64)
    with pytest.raises(CannotTrain, match=f"trained on dataset {'0' * 64}, not on {world.training.sha256}"):
        retrain(dict(model.manifest), world.training)


def test_the_manifest_names_the_use_case_and_training_again_keeps_it(world):
    settings = settings_of("robust_z_score")
    model = train("v1", world.training, DAY_ENDS, settings, use_case_sha256="c" * 64)
    assert model.manifest["use_case_sha256"] == "c" * 64
    assert retrain(dict(model.manifest), world.training).manifest == model.manifest
    before_use_cases = {name: value for name, value in model.manifest.items() if name != "use_case_sha256"}
    assert retrain(before_use_cases, world.training).manifest["use_case_sha256"] is None
