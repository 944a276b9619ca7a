"""Training and scoring of every detector of the package, beyond the contract suite that plug-ins share."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from mlreg_dagster.config import ConfigError
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import FeatureMismatch
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import own_space
from mlreg_dagster.models.training import NOT_FEATURES, CannotTrain, train
from mlreg_dagster_tests.market.frames import at
from mlreg_dagster_tests.models.builders import DAY_ENDS, DETECTORS, build_world, market_of, settings_of, with_rows

pytestmark = pytest.mark.parametrize("detector", DETECTORS)


@pytest.fixture
def model(detector, model_of):
    return model_of(detector)


@pytest.fixture
def holdout(world, model):
    """Features of the holdout rows."""
    return world.holdout.rows[model.features]


def test_a_saved_model_scores_the_same_to_the_last_bit(model, holdout, store):
    saved = artifact.save(store, "v1", model)
    loaded = artifact.load(store, "v1", saved.sha256)
    np.testing.assert_array_equal(loaded.score(holdout), model.score(holdout))
    np.testing.assert_array_equal(loaded.baseline_score(holdout), model.baseline_score(holdout))
    assert dict(loaded.manifest) == dict(model.manifest)
    assert (loaded.threshold, loaded.features) == (model.threshold, model.features)


def test_nulls_are_accepted_and_scores_are_finite(world, holdout, detector):
    rows = world.training.rows
    assert rows.drop(columns=list(NOT_FEATURES)).isna().to_numpy().any()
    model = train("v1", with_rows(world.training, rows.assign(change_24h_pct=np.nan)), DAY_ENDS, settings_of(detector))
    for features in (holdout, holdout.assign(change_1h_pct=np.nan), holdout * np.nan):
        assert np.isfinite(model.score(features)).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows.rename(columns={"change_1h_pct": "change_60m_pct"}),
        lambda rows: rows.drop(columns="is_gap"),
        lambda rows: rows[rows.columns[::-1]],
        lambda rows: rows.assign(extra=1.0),
        lambda rows: rows.iloc[:, :0],
    ],
    ids=["renamed", "missing", "reordered", "extra", "none"],
)
def test_rows_with_other_features_are_refused(model, holdout, spoil):
    for score in (model.score, model.baseline_score, model.transform):
        with pytest.raises(FeatureMismatch, match=r"v1 was trained on 36 features"):
            score(spoil(holdout))


def test_everything_fitted_is_fitted_on_the_training_rows(world, model):
    rows = world.training.rows[model.features].to_numpy()
    medians = np.nan_to_num(pd.DataFrame(rows).median().to_numpy())  # a column without any value: 0, then no variance
    filled = np.where(np.isnan(rows), medians, rows)
    np.testing.assert_allclose(model.pipeline["impute"].statistics_, medians)
    np.testing.assert_allclose(model.pipeline["scale"].mean_, filled.mean(axis=0))
    np.testing.assert_allclose(model.pipeline["scale"].var_, filled.var(axis=0), atol=1e-12)
    assert model.manifest["training_rows"] == len(rows)
    assert model.manifest["training_end"] == world.training.window.end.isoformat()


@pytest.fixture(scope="module")
def elsewhere(world, tmp_path_factory):
    """Worlds of the same training, and of another holdout: other prices, fewer hours."""
    market = market_of()
    future = market["hour"] >= world.training.window.end
    lively = np.random.default_rng(1).uniform(0.5, 2, len(market))
    altered = market.assign(
        price=market["price"].where(~future, market["price"] * lively),
        change_1h_pct=market["change_1h_pct"].where(~future, 40.0),
    )
    others = [altered, market[~future | (market["hour"] >= at(275))]]
    made = [build_world(tmp_path_factory.mktemp("elsewhere"), other) for other in others]
    assert {each.training.sha256 for each in made} == {world.training.sha256}
    assert world.holdout.sha256 not in {each.holdout.sha256 for each in made}
    return made


def test_the_holdout_has_no_part_in_the_model(elsewhere, model, holdout, detector):
    for other in elsewhere:
        again = other.train(detector)
        assert again.threshold == model.threshold
        np.testing.assert_array_equal(again.score(holdout), model.score(holdout))


@pytest.mark.parametrize("contamination", [0.02, 0.1, 0.3])
def test_the_threshold_flags_the_asked_share_of_the_training_rows(world, detector, contamination):
    model = world.train(detector, contamination=contamination)
    assert model.manifest["training_anomaly_rate"] == pytest.approx(contamination, abs=2 / len(world.training.rows))


def test_scoring_fits_nothing(model, holdout, store):
    before = artifact.save(store, "v1", model).files
    model.score(holdout)
    model.transform(holdout)
    fresh = clone(model.pipeline)
    with pytest.raises(Exception, match="not fitted"):
        fresh.score_samples(holdout.to_numpy())
    assert store.find("models", "v1").files == before


def test_a_chosen_list_of_features_is_the_list_that_is_used(world, detector):
    names = ("change_24h_pct", "slog_volume_24h", "change_1h_pct")
    model = world.train(detector, features=names)
    assert model.features == list(names)
    assert model.pipeline.n_features_in_ == 3
    rows = model.select(world.holdout.rows)
    assert list(rows.columns) == list(names)
    np.testing.assert_array_equal(
        model.score(rows), model.score(model.select(world.holdout.rows[world.holdout.rows.columns[::-1]]))
    )


@pytest.mark.parametrize("params", [{"colour": "blue"}, {"random_state": 1, "novelty": False}])
def test_a_parameter_that_the_detector_does_not_have_is_named(detector, params):
    with pytest.raises(ConfigError, match=f"params of detector {detector}: .*({'|'.join(params)}|takes no arguments)"):
        make_pipeline(settings_of(detector, params=params))


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_are_refused_in_words(world, detector, rows):
    few = with_rows(world.training, world.training.rows.iloc[:rows])
    with pytest.raises(CannotTrain, match=r"2020-01-12"):
        train("v1", few, DAY_ENDS, settings_of(detector))


def test_rows_that_are_all_alike_are_refused(world, detector):
    rows = world.training.rows
    alike = rows.assign(**dict.fromkeys(rows.columns.drop(list(NOT_FEATURES)), 1.0))
    rounded = rows.assign(**dict.fromkeys(rows.columns.drop(list(NOT_FEATURES)), 0.1))  # their variance is not quite 0
    unknown = rows.assign(**dict.fromkeys(rows.columns.drop(list(NOT_FEATURES)), np.nan))
    for same in (alike, rounded, unknown):
        with pytest.raises(CannotTrain, match=r"No feature varies in the \d+ rows of dataset 2020-01-12"):
            train("v1", with_rows(world.training, same), DAY_ENDS, settings_of(detector))


@given(st.integers(0, 10_000))
def test_a_row_in_its_own_space_is_the_same_row_every_time(model, holdout, seed):
    chosen = np.random.default_rng(seed).permutation(len(holdout))[:5]
    np.testing.assert_allclose(
        model.transform(holdout.iloc[chosen]),
        own_space(model.pipeline, holdout.to_numpy())[chosen],
        rtol=1e-9,
        atol=1e-9,
    )
