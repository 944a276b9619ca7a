"""Gates of plug-ins: asked of every version, recorded with their bounds, and never left out."""

import dataclasses

import pytest

from mlreg_dagster.config import EvaluationSettings, PromotionSettings
from mlreg_dagster.config.sections.evaluation import GateBounds
from mlreg_dagster.extensions import gate, isolated
from mlreg_dagster.models.evaluation import experiments
from mlreg_dagster.models.evaluation.evaluation import evaluate
from mlreg_dagster.models.gates import (
    CATALOGUE,
    GATES,
    SIZE,
    asked_gates,
    missing_gates,
    require_known_gates,
    with_registered_gates,
)

SHARE = "flagged_share"


@pytest.fixture
def registered():
    """A gate of every version and one that tiers may ask for."""
    with isolated():
        gate(SHARE, "Is a share flagged?", at_least=0.01, at_most=0.5)(_share)
        gate("own_strict", "Is it strict?", at_least=0.0, strict=True)(lambda _: 1.0)
        yield


def _share(context):
    return float(context.flagged.mean()), "of the holdout."


@pytest.fixture
def results(world, rounds, model_of):
    def evaluated(settings=None, tier=()):
        found = evaluate(
            model_of("isolation_forest"), world.holdout, rounds, settings or EvaluationSettings(), tier=tier
        )
        return {each.name: each for each in found.gates}

    return evaluated


@pytest.mark.usefixtures("registered")
def test_it_follows_the_gates_of_every_version_and_a_strict_one_is_asked_by_its_tier(results):
    assert list(results()) == [*GATES, SHARE]
    assert list(results(tier=[SIZE, "own_strict"])) == [*GATES, SHARE, SIZE, "own_strict"]
    found = results()[SHARE]
    assert (found.passed, found.threshold, found.detail) == (True, "0.01 to 0.5", "of the holdout.")


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("bounds", "threshold", "passed"),
    [
        (GateBounds(at_least=0.9), "0.9 to 0.5", False),
        (GateBounds(at_most=0.001), "0.01 to 0.001", False),
        (GateBounds(), "0.01 to 0.5", True),
    ],
)
def test_the_configuration_overrides_the_bounds_it_names(results, bounds, threshold, passed):
    found = results(EvaluationSettings(gates={SHARE: bounds}))[SHARE]
    assert (found.threshold, found.passed) == (threshold, passed)


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda: None, "TypeError: float() argument"),
        (lambda: float("nan"), "the value is nan."),
        (lambda: (), "ValueError: not enough values"),
    ],
)
def test_a_gate_that_can_not_be_computed_fails_and_the_others_stand(results, measured, reason):
    before = results()
    with isolated():
        gate("broken", "Is it broken?", at_least=0)(lambda _: measured())
        found = results()
    assert (found["broken"].passed, found["broken"].value) == (False, None)
    assert found["broken"].detail.startswith(f"Not computable: {reason}")
    assert {name: found[name] for name in before} == before


def test_without_a_plug_in_settings_are_recorded_as_before():
    settings = with_registered_gates(EvaluationSettings())
    assert settings is not None
    assert "gates" not in settings.model_dump(mode="json")


@pytest.mark.usefixtures("registered")
def test_the_bounds_of_every_registered_gate_are_recorded():
    chosen = EvaluationSettings(gates={SHARE: GateBounds(at_least=0.2)})
    assert with_registered_gates(chosen).model_dump(mode="json")["gates"] == {
        SHARE: {"at_least": 0.2, "at_most": 0.5},
        "own_strict": {"at_least": 0.0, "at_most": None},
    }


@pytest.mark.usefixtures("registered")
def test_an_evaluation_that_lacks_a_gate_in_force_is_an_experiment_and_the_gate_is_missing():
    in_force = with_registered_gates(EvaluationSettings())
    how = {"holdout_day": "2026-01-14", "dataset_day": "2026-01-14", "code": None}
    found = experiments.departures(
        thresholds=EvaluationSettings().model_dump(mode="json"), in_force=in_force.model_dump(mode="json"), **how
    )
    assert f"gates.{SHARE}.at_least was unset instead of 0.01" in found
    assert missing_gates(GATES, (), in_force.gates) == (SHARE,)
    assert missing_gates([*GATES, SHARE], (), in_force.gates) == ()
    assert missing_gates([*GATES, SHARE], ("own_strict", SIZE), in_force.gates) == ("own_strict", SIZE)


@pytest.mark.usefixtures("registered")
def test_a_gate_in_force_whose_plug_in_was_removed_is_missing():
    in_force = with_registered_gates(EvaluationSettings())
    CATALOGUE._entries.pop(SHARE)
    assert missing_gates(GATES, (), in_force.gates) == (SHARE,)
    assert [each.name for each in asked_gates(())] == list(GATES)


@pytest.mark.usefixtures("registered")
def test_a_tier_may_name_a_strict_gate_of_a_plug_in():
    tier = PromotionSettings().high.model_copy(update={"gates": ("own_strict",)})
    require_known_gates(EvaluationSettings(), PromotionSettings().model_copy(update={"high": tier}))


def test_a_gate_is_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CATALOGUE.get("silhouette").strict = True
