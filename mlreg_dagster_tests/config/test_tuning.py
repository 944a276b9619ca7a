"""tuning.yaml: spaces that can be searched, and seeds that no gate has."""

import pytest

from mlreg_dagster.config import ConfigError, TuningSettings, load_settings
from mlreg_dagster.config.sections.tuning import Dimension, all_of
from mlreg_dagster.models.detectors.names import SCORERS
from mlreg_dagster_tests.config.files import load_file


def test_the_file_spells_the_defaults_out():
    assert load_settings().tuning == TuningSettings()


def test_every_detector_of_the_package_has_a_space():
    assert set(TuningSettings().spaces) == set(SCORERS)


@pytest.mark.parametrize("name", ["planting_seeds", "measured_seeds"])
def test_a_seed_of_the_gates_is_refused(configs, name):
    gate = load_settings().evaluation.injection.all_seeds[-1]
    with pytest.raises(ConfigError, match=rf"tuning\.yaml: .* share {gate} with the injection of evaluation\.yaml"):
        load_file(configs, "tuning.yaml", f"{name}: [{gate}, 9000]")


def test_the_best_is_not_measured_by_what_it_was_chosen_by(configs):
    with pytest.raises(ConfigError, match="share 5: the best would be held against the default"):
        load_file(configs, "tuning.yaml", "planting_seeds: [4, 5]\nmeasured_seeds: [5, 6]")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("spaces: {isolation_forest: {}}", "name at least one parameter"),
        ("spaces: {isolation_forest: {features: {choices: [1]}}}", "'features' can't be searched"),
        ("spaces: {isolation_forest: {params: {choices: [1]}}}", "'params' can't be searched"),
        ("spaces: {isolation_forest: {contamination: {low: 0.1, high: 0.2}}}", "'contamination' can't be searched"),
        ("spaces: {isolation_forest: {whiten: {choices: [true], only_if: {params.a: 1}}}}", "which is not before it"),
        ("spaces: {isolation_forest: {whiten: {}}}", "write choices, or low and high"),
        ("spaces: {isolation_forest: {whiten: {choices: [1], low: 1, high: 2}}}", "write choices, or low and high"),
        ("spaces: {isolation_forest: {params.a: {low: 2, high: 2}}}", "low must be below high"),
        ("spaces: {isolation_forest: {params.a: {low: 0, high: 2, log: true}}}", "low must be above 0"),
        ("spaces: {isolation_forest: {params.a: {low: 1, high: 5, step: 0.5}}}", "whole where low and high are"),
        ("objective: {planted: 0, worth: 0}", "must not both be 0"),
        ("heartbeat_seconds: 60", "grace_seconds must be above heartbeat_seconds"),
        ("planting_seeds: [4, 4]", "each once"),
    ],
)
def test_what_can_not_be_searched_is_refused_in_words(configs, text, problem):
    with pytest.raises(ConfigError, match=r"tuning\.yaml") as refused:
        load_file(configs, "tuning.yaml", text)
    assert problem in str(refused.value)


def test_a_small_space_is_listed_and_a_large_or_endless_one_is_not():
    whiten, trees = Dimension(choices=(True, False)), Dimension(low=50, high=150, step=50)
    assert all_of({"whiten": whiten}, 2) == [{"whiten": True}, {"whiten": False}]
    assert len(all_of({"whiten": whiten, "params.n": trees}, 6)) == 6
    assert all_of({"whiten": whiten, "params.n": trees}, 5) is None
    assert all_of({"params.x": Dimension(low=0.1, high=0.2)}, 100) is None
    assert all_of({"whiten": whiten, "params.n": trees.model_copy(update={"only_if": {"whiten": True}})}, 100) is None
