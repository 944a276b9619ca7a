"""From values of a trial to the settings of a model."""

import optuna
import pytest

from mlreg_dagster.config import ConfigError, MemberSettings, ModelSettings, TuningSettings
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.tuning.space import overrides_of, settings_with, space_of, suggest


@pytest.mark.parametrize("detector", sorted(TuningSettings().spaces))
def test_whatever_a_trial_sets_makes_a_detector(detector):
    settings = ModelSettings(detector=detector)
    space = space_of(TuningSettings(), settings)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(10):
        values = suggest(study.ask(), space)
        pipeline = make_pipeline(settings_with(values, settings))
        assert pipeline[-1].get_params() is not None
        for place, value in values.items():
            if place.startswith("params."):
                assert pipeline[-1].get_params()[place.removeprefix("params.")] == value


def test_a_parameter_that_belongs_to_another_kind_is_not_searched():
    space = space_of(TuningSettings(), ModelSettings(detector="crash_classifier"))
    logistic = suggest(optuna.trial.FixedTrial({"params.kind": "logistic", "params.C": 1.0}), space)
    assert logistic == {"params.kind": "logistic", "params.C": 1.0}


def test_other_parameters_and_members_stay_as_they_are():
    forest = ModelSettings(params={"n_estimators": 30, "max_samples": 0.5})
    assert overrides_of({"params.max_samples": 0.1}, forest) == {"params": {"n_estimators": 30, "max_samples": 0.1}}
    members = (
        MemberSettings(detector="isolation_forest", params={"n_estimators": 30}, whiten=True),
        MemberSettings(detector="nearest_neighbors", whiten=False),
    )
    ensemble = ModelSettings(detector="ensemble", members=members)
    values = {"members.isolation_forest.params.max_samples": 0.1, "members.nearest_neighbors.whiten": True}
    first, second = settings_with(values, ensemble).members
    assert (dict(first.params), first.whiten) == ({"n_estimators": 30, "max_samples": 0.1}, True)
    assert (dict(second.params), second.whiten) == ({}, True)


def test_what_has_no_space_or_no_such_member_is_named():
    with pytest.raises(ConfigError, match="spaces has no theirs"):
        space_of(TuningSettings(), ModelSettings(detector="theirs"))
    members = (MemberSettings(detector="isolation_forest"), MemberSettings(detector="robust_z_score"))
    with pytest.raises(ConfigError, match="the model file has no member nearest_neighbors"):
        space_of(TuningSettings(), ModelSettings(detector="ensemble", members=members))


@pytest.mark.parametrize(
    ("detector", "space", "says"),
    [
        ("isolation_forest", {"params.trees": {"low": 1, "high": 2}}, "params.trees: params of detector"),
        ("isolation_forest", {"params.n_estimators": {"low": -5, "high": 5}}, "The 'n_estimators' parameter"),
        ("isolation_forest", {"params.max_samples": {"low": 0.5, "high": 1.5}}, "The 'max_samples' parameter"),
        ("isolation_forest", {"params.n_estimators": {"choices": [10, "many"]}}, "The 'n_estimators' parameter"),
        ("local_outlier_factor", {"params.n_neighbors": {"low": 0.5, "high": 9.5}}, "The 'n_neighbors' parameter"),
        ("ensemble", {"members.isolation_forest.params.max_samples": {"low": -1, "high": 1}}, "The 'max_samples'"),
        ("crash_classifier", {"params.trees": {"low": 1, "high": 2}}, "params.trees: params of detector crash_"),
    ],
)
def test_ends_and_choices_that_the_detector_does_not_take_are_refused_before_a_study(detector, space, says):
    tuning = TuningSettings().override({"spaces": {detector: space}}, "tuning.yaml")
    with pytest.raises(ConfigError, match=says):
        space_of(tuning, ModelSettings(detector=detector))
