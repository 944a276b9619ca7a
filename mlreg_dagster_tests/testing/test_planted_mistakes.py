"""The contract suites pass what is sound and fail what is planted."""

import pytest

from mlreg_dagster.models.artifacts.trust import UntrustedModel
from mlreg_dagster.testing import DetectorContract, FeatureContract, GateContract, isolated
from mlreg_dagster_tests.testing import planted


@pytest.fixture(scope="module", autouse=True)
def registered():
    with isolated():
        planted.register_detectors()
        planted.register_features()
        planted.register_gates()
        yield


def failures(suite: type) -> dict[str, str]:
    """The methods of a suite that fail, and how."""
    found = {}
    for name in (each for each in dir(suite) if each.startswith("test_")):
        try:
            getattr(suite(), name)()
        except (AssertionError, UntrustedModel) as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


def detector_suite(name: str) -> type:
    return type("Suite", (DetectorContract,), {"detector": name})


def feature_suite(name: str) -> type:
    return type("Suite", (FeatureContract,), {"feature": name})


def gate_suite(name: str, **attributes: object) -> type:
    return type("Suite", (GateContract,), {"gate": name, **attributes})


@pytest.mark.parametrize(
    "suite",
    [detector_suite("sound"), detector_suite("declared"), feature_suite("sound_feature"), gate_suite("sound_gate")],
    ids=["detector", "detector with a type of its own", "feature", "gate"],
)
def test_what_is_sound_passes(suite):
    assert failures(suite) == {}


def test_a_score_of_the_wrong_direction_fails():
    assert "test_higher_is_more_anomalous" in failures(detector_suite("wrong_direction"))


def test_scores_that_depend_on_the_other_rows_fail():
    assert "test_a_row_scores_the_same_whichever_rows_are_scored_with_it" in failures(detector_suite("unstable"))


def test_a_type_that_was_not_declared_fails():
    found = failures(detector_suite("untrusted"))
    assert "planted.Centre" in found["test_a_saved_model_scores_the_same_to_the_last_bit"]


def test_a_feature_that_looks_ahead_fails():
    assert "test_past_rows_do_not_change_when_later_rows_do" in failures(feature_suite("looks_ahead"))


def test_a_feature_that_depends_on_the_computed_range_fails():
    assert "test_an_hour_alone_and_within_a_range_agree_to_the_last_bit" in failures(feature_suite("scaled_by_all"))


@pytest.mark.parametrize("name", ["passes_in_silence", "asks_nothing"])
def test_a_gate_that_vanishes_when_it_can_not_be_computed_fails(name):
    assert "it has vanished" in failures(gate_suite(name))["test_it_fails_when_it_can_not_be_computed"]


def test_a_gate_that_is_registered_under_some_condition_alone_fails():
    assert "it has vanished" in failures(gate_suite("not_registered"))["test_it_is_listed_in_every_evaluation"]


def test_a_gate_that_raises_is_a_gate_that_fails():
    assert failures(gate_suite("raises")) == {}


def test_a_gate_of_chance_fails():
    assert list(failures(gate_suite("by_chance"))) == ["test_measuring_again_gives_the_same"]
