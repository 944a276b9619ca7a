"""Gates on planted anomalies: by the value, or by the lower end of the interval where the tier asks that."""

import pytest

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.models.evaluation import training_chance
from mlreg_dagster.models.evaluation.evaluation import evaluate
from mlreg_dagster.models.gates import AVERAGE_PRECISION, IMPROVEMENT
from mlreg_dagster.models.gates.planted import below_interval, in_words
from mlreg_dagster.registry import GateResult

SETTINGS = EvaluationSettings(
    min_average_precision_margin=-0.2, comparison=ComparisonSettings(min_instruments=2, bootstrap_samples=200)
)
TORN = {
    "low": -0.05,
    "high": 0.03,
    "seeds": {"20": 0.02, "21": 0.01, "22": -0.02, "23": 0.04, "24": -0.03},
    "days": {"2026-01-14": 0.011},
    "reason": "difference +0.0110, 95% interval -0.0500 to +0.0300, of 40 instruments.",
}


def gate_of(world, rounds, model, name=AVERAGE_PRECISION, settings=SETTINGS, **changes):
    result = evaluate(model, world.holdout, rounds, settings, tier=[IMPROVEMENT], **changes)
    return next(gate for gate in result.gates if gate.name == name)


@pytest.mark.parametrize("name", [AVERAGE_PRECISION, IMPROVEMENT])
def test_a_gate_carries_its_interval_and_its_spread(world, many_rounds, model_of, name):
    gate = gate_of(world, many_rounds, model_of("isolation_forest"), name)
    assert gate.interval["low"] < gate.value < gate.interval["high"]
    assert set(gate.interval["seeds"]) == {"20", "21", "22"}
    assert set(gate.interval["days"]) == {world.holdout.day}
    assert "of 3 seeds" in gate.detail


def test_where_the_tier_asks_it_the_lower_end_decides(world, many_rounds, model_of):
    model = model_of("isolation_forest")
    gate = gate_of(world, many_rounds, model)
    between = (gate.interval["low"] + gate.value) / 2
    settings = SETTINGS.override({"min_average_precision_margin": between})
    assert gate_of(world, many_rounds, model, settings=settings).passed
    asked = gate_of(world, many_rounds, model, settings=settings, planted_interval=True)
    assert not asked.passed
    assert asked.value == gate.value
    assert asked.threshold.endswith("above the baseline, by the lower end of its interval")
    below = SETTINGS.override({"min_average_precision_margin": gate.interval["low"] - 1e-6})
    assert gate_of(world, many_rounds, model, settings=below, planted_interval=True).passed


def test_without_an_interval_nothing_passes_by_its_lower_end(world, many_rounds, model_of):
    """Ten instruments are fewer than the twenty that are asked for by default."""
    settings = EvaluationSettings(min_average_precision_margin=-1.0)
    gate = gate_of(world, many_rounds, model_of("isolation_forest"), settings=settings, planted_interval=True)
    assert not gate.passed
    assert gate.interval["low"] is None
    assert "too few samples" in gate.detail


def test_chance_in_training_widens_the_interval_of_a_gate(world, many_rounds, model_of):
    model = model_of("isolation_forest")
    chance = training_chance.measure(model, world.training, many_rounds, 2)
    alone, with_it = (gate_of(world, many_rounds, model, training_chance=each) for each in (None, chance))
    assert with_it.interval["low"] < alone.interval["low"]
    assert with_it.value == alone.value


def test_a_result_that_some_seeds_contradict_looks_like_what_it_is():
    assert in_words(TORN, 0.0) == (
        "Passes with 3 of 5 seeds, difference +0.0110, 95% interval -0.0500 to +0.0300, of 40 instruments: not "
        "distinguishable from what is asked."
    )
    assert in_words(TORN, -0.1).endswith("surely above what is asked.")
    assert in_words(TORN, 0.1).startswith("Passes with 0 of 5 seeds")
    assert in_words(TORN, 0.1).endswith("surely below what is asked.")
    assert "3 of 5 seeds and 1 of 2 days" in in_words(TORN | {"days": {"a": 0.1, "b": -0.1}}, 0.0)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        (TORN, ["the lower end of its interval is -0.0500"]),
        (TORN | {"low": 0.001}, []),
        (TORN | {"low": None}, ["it has no interval"]),
        (None, ["it has no interval"]),  # of an earlier release
    ],
)
def test_passed_by_the_value_alone_is_found(interval, said):
    gates = [GateResult(AVERAGE_PRECISION, True, 0.011, "", "", interval), GateResult("score_gap", True, 1.0, "", "")]
    found = list(below_interval(gates, EvaluationSettings(), learns_crashes=False))
    assert len(found) == len(said)
    assert all(words in each for words, each in zip(said, found, strict=True))
    assert not list(below_interval(gates, EvaluationSettings(), learns_crashes=True))  # whose margin is of crashes
