"""A local outlier factor where rows are identical: nothing has an endless density, and what is unaffected stays."""

import json

import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor

from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.detectors.local_density import crowded_rows, distinct_rows, fit_apart
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores, fit, own_space, training_scores
from mlreg_dagster.models.scorers import onnx_scorer
from mlreg_dagster.models.training import CannotTrain, retrain, train
from mlreg_dagster_tests.models.builders import DAY_ENDS, settings_of, with_rows

LOF = "local_outlier_factor"
RNG = np.random.default_rng(0)
CLOUD = RNG.normal(size=(400, 5))


def standing_still(copies: int, apart: float = 0.0) -> np.ndarray:
    """The cloud, and one row in it that is there so many times, give or take `apart`."""
    return np.vstack([CLOUD, np.tile(CLOUD[:1], (copies, 1)) + apart * RNG.normal(size=(copies, 5))])


def fitted(X: np.ndarray, **options: bool):
    return fit(make_pipeline(settings_of(LOF)), X, **options)


@pytest.mark.parametrize("apart", [0.0, 1e-15, 1e-12, 1e-6])
def test_scores_beside_many_equal_rows_stay_within_bounds(apart):
    X = standing_still(100, apart)
    pipeline = fitted(X)
    beside = CLOUD[:1] + np.array([[0.0], [1e-6], [0.01], [0.5], [3.0]])
    scores = anomaly_scores(pipeline, np.vstack([CLOUD, beside]))
    assert scores.max() < 1000
    assert training_scores(pipeline, X).max() < 1000
    assert crowded_rows(pipeline[-1]) == 0
    assert anomaly_scores(pipeline, beside)[0] == pytest.approx(1, abs=0.2)
    if apart < 1e-9:
        assert anomaly_scores(fitted(X, apart=False), beside).max() > 1e6


def test_identical_rows_count_once():
    once, often = fitted(CLOUD), fitted(standing_still(100))
    np.testing.assert_array_equal(often[-1].negative_outlier_factor_.shape, (400,))
    assert np.corrcoef(anomaly_scores(once, CLOUD), anomaly_scores(often, CLOUD))[0, 1] > 0.95
    kept = training_scores(often, standing_still(100))
    assert len(kept) == 500
    assert set(kept[400:]) == {kept[0]}


def test_a_detector_without_identical_rows_is_the_one_of_scikit_learn():
    pipeline, plain = fitted(CLOUD), make_pipeline(settings_of(LOF)).fit(CLOUD)
    np.testing.assert_array_equal(anomaly_scores(pipeline, CLOUD + 0.1), anomaly_scores(plain, CLOUD + 0.1))
    np.testing.assert_array_equal(training_scores(pipeline, CLOUD), -plain[-1].negative_outlier_factor_)
    np.testing.assert_array_equal(fitted(CLOUD, apart=False)[-1]._lrd, plain[-1]._lrd)


@pytest.mark.parametrize("contamination", ["auto", 0.1])
def test_the_floor_is_a_hundredth_of_the_usual_reach(contamination):
    points = standing_still(60)
    detector, plain = (LocalOutlierFactor(novelty=True, contamination=contamination) for _ in range(2))
    fit_apart(detector, points)
    plain.fit(points)
    reach = plain._distances_fit_X_[:, -1]
    floor = 0.01 * np.median(reach[reach > 1e-9])
    np.testing.assert_array_equal(detector._distances_fit_X_[:, -1], np.maximum(reach, floor))
    assert detector._lrd.max() == pytest.approx(1 / floor, rel=1e-6)
    assert -100 < detector.negative_outlier_factor_.min() < plain.negative_outlier_factor_.max() < 0
    assert detector.offset_ == (
        -1.5 if contamination == "auto" else np.quantile(detector.negative_outlier_factor_, 0.1)
    )


def test_distinct_rows_are_the_first_of_their_kind():
    X = np.array([[1.0, np.nan], [0.0, 2.0], [1.0, -np.nan], [-0.0, 2.0], [5.0, 5.0]])
    firsts, places = distinct_rows(X)
    assert firsts.tolist() == [0, 1, 4]
    assert places.tolist() == [0, 1, 0, 1, 2]
    np.testing.assert_array_equal(distinct_rows(CLOUD)[0], np.arange(400))


# --- versions ---


def still_market(world):
    """The training dataset, most of its instruments with one row over and over."""
    rows = world.training.rows.copy()
    features = [name for name in rows.columns if rows[name].dtype.kind == "f"]
    still = rows["instrument_id"] > "coin3"
    rows.loc[still, features] = rows.loc[still, features].iloc[0].to_numpy()
    return with_rows(world.training, rows)


def test_a_version_says_how_many_of_its_rows_are_identical(world, model_of, store):
    dataset = still_market(world)
    model = train("v1", dataset, DAY_ENDS, settings_of(LOF))
    assert model.manifest["identical_rows"] == len(dataset.rows) - len(distinct_rows(dataset.rows[model.features])[0])
    assert model.manifest["identical_rows"] > 300
    assert model_of(LOF).manifest["identical_rows"] == 0
    assert model.remarks == []
    assert model.manifest["training_anomaly_rate"] == pytest.approx(0.1, abs=0.05)
    saved = artifact.save(store, "v1", model)
    loaded = artifact.load(store, "v1", saved.sha256)
    rows = world.holdout.rows[model.features]
    assert loaded.score(rows).max() < 1000
    np.testing.assert_array_equal(loaded.score(rows), model.score(rows))
    scores, _ = onnx_scorer.load(model.graph, "v1").score(rows.to_numpy())
    np.testing.assert_allclose(scores, model.score(rows), rtol=1e-7)


def test_an_earlier_version_scores_as_it_did_and_what_is_wrong_with_it_is_said(world):
    dataset = still_market(world)
    earlier = train("v1", dataset, DAY_ENDS, settings_of(LOF), apart=False)
    assert "identical_rows" not in earlier.manifest
    assert earlier.score(world.holdout.rows[earlier.features]).max() > 1e6
    (remark,) = earlier.remarks
    assert f"of its {len(dataset.rows)} training rows for endlessly dense" in remark
    again = retrain(json.loads(json.dumps(earlier.manifest)), dataset)
    assert dict(again.manifest) == dict(earlier.manifest)
    rows = world.holdout.rows[earlier.features]
    np.testing.assert_array_equal(again.score(rows), earlier.score(rows))


def test_fewer_different_rows_than_neighbours_are_refused(world):
    rows = world.training.rows
    few = with_rows(world.training, rows.iloc[np.arange(200) % 15])
    with pytest.raises(
        CannotTrain, match=r"has 200 rows, of which 15 differ; with n_neighbors 20 at least 21 are needed"
    ):
        train("v1", few, DAY_ENDS, settings_of(LOF))


def test_rows_that_differ_where_whitening_does_not_look_are_not_endlessly_dense():
    same = CLOUD.copy()
    same[200:] = CLOUD[200]
    X = np.hstack([same, same[:, :1] + 1e-9 * RNG.normal(size=(400, 1))])
    assert len(distinct_rows(X)[0]) == 400
    pipeline = fitted(X)
    assert len(np.unique(own_space(pipeline, X).round(6), axis=0)) == 201
    assert crowded_rows(pipeline[-1]) == 0
    assert anomaly_scores(pipeline, X + 0.01).max() < 1000


# --- libraries ---


def test_other_libraries_than_those_of_the_training_are_said(model_of, monkeypatch):
    model = model_of("isolation_forest")
    assert model.remarks == []
    now = artifact.library_versions()
    monkeypatch.setattr(artifact, "library_versions", lambda: {**now, "numpy": "9.9", "mlreg_dagster": "7"})
    (remark,) = model.remarks
    assert "v1 was trained with other libraries than those that score now, so its scores may differ: numpy " in remark
    assert f"numpy {now['numpy']} → 9.9" in remark
    assert "scikit-learn" not in remark
    assert "mlreg_dagster" not in remark
