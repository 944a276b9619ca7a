"""The crash classifier: what it is fitted to, how it is calibrated, what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from mlreg_dagster.config import ConfigError, MemberSettings, ModelSettings, OutcomeSettings
from mlreg_dagster.datasets.labels import LABEL, LABELS
from mlreg_dagster.market.names import NO_CRASH, UNRESOLVED
from mlreg_dagster.models.classifier.classifier import CrashClassifier
from mlreg_dagster.models.classifier.labels import CannotLearn, labelled_rows, require_labels
from mlreg_dagster.models.classifier.trees import grow, log_odds
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores, fit, training_scores
from mlreg_dagster.models.training import CannotTrain, retrain, train
from mlreg_dagster.testing.world import DAY_ENDS, OUTCOMES
from mlreg_dagster_tests.models.builders import settings_of
from mlreg_dagster_tests.models.classifier.rows import KINDS, data, fitted

# --- what it says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("calibration", ["platt", "isotonic"])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_probabilities_in_percent(kind, calibration):
    pipeline, _, _ = fitted(kind, calibration=calibration)
    X, labels = data(seed=7, count=20_000)
    scores = anomaly_scores(pipeline, X)
    assert ((scores >= 0) & (scores <= 100)).all()
    assert scores.mean() == pytest.approx(100 * labels.crashed.mean(), rel=0.2)
    high = scores > np.quantile(scores, 0.9)  # as sure as models of fewer rows were, which is not quite the same
    assert scores[high].mean() == pytest.approx(100 * labels.crashed[high].mean(), rel=0.4)
    assert len(np.unique(scores)) > (0.9 if kind == "logistic" else 0.03) * len(X)  # steps have an order, leaves none


@pytest.mark.parametrize("kind", KINDS)
def test_the_threshold_is_that_of_rows_it_did_not_learn_from(kind):
    pipeline, X, _ = fitted(kind)
    kept = training_scores(pipeline, X)
    assert len(kept) == pipeline[-1].walk_forward_["rows"]
    assert len(kept) == pytest.approx(5 * len(X) / 6, abs=10)
    shuffled = fitted(kind, strength=0.0)[0]
    found = shuffled[-1].walk_forward_
    assert found["average_precision"] < 2 * found["crashes"] / found["rows"]  # it learned nothing, and it shows


def test_later_rows_have_no_part_in_earlier_folds():
    X, labels = data()
    changed = X.copy()
    changed[3500:] = np.random.default_rng(5).normal(size=(500, 4))
    one, two = (CrashClassifier().fit(rows, labels.crashed, hours=labels.hours, gap_hours=48) for rows in (X, changed))
    margins = [
        each._out_of_fold(rows, labels.crashed, labels.hours, 48)[0] for each, rows in ((one, X), (two, changed))
    ]
    np.testing.assert_array_equal(margins[0][:2500], margins[1][:2500])


# --- trees ------------------------------------------------------------------------------------------------------


def test_trees_are_those_of_scikit_learn():
    X, labels = data()
    few = np.round(X, 1)  # fewer values than bins: scikit-learn cuts between the same ones
    trees, begin = grow(few, labels.crashed, max_iter=20, min_samples_leaf=20)
    expected = HistGradientBoostingClassifier(
        class_weight="balanced", early_stopping=False, max_iter=20, min_samples_leaf=20, max_depth=32
    ).fit(few, labels.crashed)
    np.testing.assert_allclose(log_odds(trees, few) + begin, expected.decision_function(few), rtol=1e-9)


def test_trees_that_are_one_leaf_say_what_they_begin_with():
    X, labels = data(count=60)
    trees, begin = grow(X, labels.crashed, max_iter=3, min_samples_leaf=100)
    assert (trees["left"] == -1).all()
    assert len(set(log_odds(trees, X) + begin)) == 1


# --- what it refuses --------------------------------------------------------------------------------------------


def test_it_needs_labels():
    with pytest.raises(ValueError, match="it learns from labels"):
        fit(make_pipeline(ModelSettings(detector="crash_classifier")), data()[0])


@pytest.mark.parametrize("params", [{"kind": "forest"}, {"calibration": "none"}, {"folds": 0}, {"C": -1.0}])
def test_a_parameter_of_another_value_is_refused_in_words(world, params):
    with pytest.raises(CannotTrain, match="crash_classifier can't be fitted to the"):
        train("v1", world.training, DAY_ENDS, settings_of("crash_classifier", params=params))


def test_it_can_not_be_member_of_an_ensemble():
    members = (MemberSettings(detector="robust_z_score"), MemberSettings(detector="crash_classifier"))
    with pytest.raises(ConfigError, match="an ensemble can't have the member crash_classifier"):
        make_pipeline(ModelSettings(detector="ensemble", members=members))


def with_labels(dataset, **changes):
    return replace(dataset, lineage={**dataset.lineage, LABELS: {**dataset.lineage[LABELS], **changes}})


def test_fewer_than_a_hundred_crash_episodes_are_refused(world):
    with pytest.raises(CannotLearn, match=r"has 99 crash episodes in 9 days .* needs 100\. Raise label_days"):
        labelled_rows(with_labels(world.training, episodes=99))
    assert len(labelled_rows(with_labels(world.training, episodes=100)))


def test_an_embargo_below_the_horizon_is_refused(world):
    with pytest.raises(CannotLearn, match="end 23 h before its holdout; an embargo of at least the 24 h"):
        labelled_rows(with_labels(world.training, embargo_hours=23))


def test_labels_of_another_meaning_than_outcomes_have_are_refused(world):
    require_labels(world.training, OUTCOMES)
    require_labels(world.training, OUTCOMES.model_copy(update={"confidence": 0.9}))
    with pytest.raises(CannotLearn, match=r"crash_pct -4.0 then, -15.0 now"):
        require_labels(world.training, OutcomeSettings())


def test_unresolved_rows_are_neither_crash_nor_none(world):
    rows = labelled_rows(world.training)
    assert UNRESOLVED not in set(rows[LABEL])
    lineage = world.training.lineage[LABELS]
    assert len(rows) == lineage["rows"] - lineage["unresolved"]
    model = train("v1", world.training, DAY_ENDS, settings_of("crash_classifier"))
    assert model.manifest["training_rows"] == len(rows)


def test_folds_without_a_crash_to_learn_from_are_refused(world):
    labelled = world.training.labelled.assign(**{LABEL: NO_CRASH})
    with pytest.raises(CannotTrain, match="walk-forward folds hold 0 crashes"):
        train("v1", replace(world.training, labelled=labelled), DAY_ENDS, settings_of("crash_classifier"))


# --- the model of it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_retraining_from_the_manifest_is_exact_and_it_names_its_labels(world, kind):
    model = train("v1", world.training, DAY_ENDS, settings_of("crash_classifier", params=KINDS[kind]))
    again = retrain(dict(model.manifest), world.training)
    rows = model.select(world.holdout.rows)
    np.testing.assert_array_equal(again.score(rows), model.score(rows))
    assert again.manifest == model.manifest
    assert model.manifest["labels"] == world.training.lineage[LABELS]
    assert set(model.manifest["walk_forward"]) == {
        *("rows", "crashes", "average_precision", "baseline_average_precision"),
    }
    assert model.graph is not None, model.manifest["graph"]
