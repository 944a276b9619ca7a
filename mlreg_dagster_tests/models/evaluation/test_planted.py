"""Planted results over seeds and days: what chance alone makes is not told apart, what is worse is."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.models.evaluation import training_chance
from mlreg_dagster.models.evaluation.planted import precision_difference, relative, result_of, spread_of
from mlreg_dagster.models.evaluation.rounds import PlantedRound, found_by_kind, score_rounds
from mlreg_dagster.models.evaluation.statistics import Chance

FEW = ComparisonSettings(min_instruments=2, bootstrap_samples=200)


def planted_rounds(seeds=(20, 21, 22), days=("2026-01-14",), instruments=30, hours=6):
    """A round for each seed and day, with one planted row in every third instrument."""
    found = []
    for day in days:
        for seed in seeds:
            rng = np.random.default_rng([seed, len(day)])
            names = np.repeat([f"coin{number}" for number in range(instruments)], hours)
            planted = np.zeros(len(names), dtype=bool)
            planted[np.arange(0, instruments, 3) * hours + rng.integers(hours)] = True
            found.append(PlantedRound("shock", pd.DataFrame({"instrument_id": names}), planted, seed, day))
    return found


def seeing(rounds, sharpness, seed):
    """Scores that find what was planted the better the sharper they are; `sharpness` may differ by round."""
    rng = np.random.default_rng(seed)
    sharpness = np.broadcast_to(sharpness, len(rounds))
    return [
        each * planted.planted + rng.normal(size=len(planted.planted))
        for each, planted in zip(sharpness, rounds, strict=True)
    ]


def test_two_trainings_that_differ_by_their_seed_alone_are_not_distinguishable(world, many_rounds, model_of):
    """Without what other seeds change, some of these pairs are told apart."""
    models = [model_of("isolation_forest", seed=seed, version=f"v{seed}") for seed in (1, 11, 21, 31)]
    chances = [training_chance.measure(model, world.training, many_rounds, 2).chance for model in models]
    scores = [score_rounds(model, model.score, many_rounds) for model in models]
    for left in range(4):
        for right in range(left):
            both = [chances[left], chances[right]]
            found = precision_difference(many_rounds, scores[left], scores[right], FEW, chances=both)
            assert found.verdict == "not distinguishable", found
            assert found.low is not None


def test_a_model_that_sees_the_opposite_is_worse(world, many_rounds, model_of):
    model = model_of("isolation_forest")
    chance = training_chance.measure(model, world.training, many_rounds, 2).chance
    scores = score_rounds(model, model.score, many_rounds)
    inverted = [-each for each in scores]
    assert precision_difference(many_rounds, inverted, scores, FEW, chances=[chance, chance]).verdict == "worse"
    assert precision_difference(many_rounds, scores, inverted, FEW, chances=[chance, chance]).verdict == "better"


def test_what_other_training_seeds_change_widens_the_interval():
    rounds = planted_rounds()
    left, right = seeing(rounds, 5.0, 1), seeing(rounds, 1.0, 2)
    alone = precision_difference(rounds, left, right, FEW)
    still = precision_difference(rounds, left, right, FEW, chances=[Chance(0.0, 2), Chance(0.0, 2)])
    moved = precision_difference(rounds, left, right, FEW, chances=[Chance(0.2, 2), Chance(0.0, 2)])
    assert (still.low, still.high) == (pytest.approx(alone.low), pytest.approx(alone.high))
    assert moved.low < alone.low < alone.difference < alone.high < moved.high
    assert (alone.verdict, moved.verdict) == ("better", "not distinguishable")
    assert moved.difference == alone.difference
    assert "fits under other training seeds" in moved.reason


def test_planting_seeds_that_contradict_each_other_widen_the_interval():
    """The same mean difference, once with every seed and once with some seeds for and some against it."""
    rounds = planted_rounds(seeds=tuple(range(20, 28)))
    right = seeing(rounds, 2.0, 2)
    even = precision_difference(rounds, seeing(rounds, 2.0, 1), right, FEW)
    torn = precision_difference(rounds, seeing(rounds, [0.0, 5.0] * 4, 1), right, FEW)
    assert torn.high - torn.low > 1.5 * (even.high - even.low)


def test_holdout_days_that_contradict_each_other_widen_the_interval():
    rounds = planted_rounds(days=("2026-01-14", "2026-01-15", "2026-01-16"))
    right = seeing(rounds, 2.0, 2)
    torn = precision_difference(rounds, seeing(rounds, [6.0] * 3 + [2.0] * 3 + [0.0] * 3, 1), right, FEW)
    even = precision_difference(rounds, seeing(rounds, 2.0, 1), right, FEW)
    assert torn.high - torn.low > 1.5 * (even.high - even.low)
    assert "9 plantings" in torn.reason


def test_the_spread_is_the_difference_for_each_seed_and_day_alone():
    rounds = planted_rounds(days=("2026-01-14", "2026-01-15"))
    left, right = seeing(rounds, 4.0, 1), seeing(rounds, 1.0, 2)
    spread = spread_of(rounds, left, right)
    assert list(spread.seeds) == ["20", "21", "22"]
    assert list(spread.days) == ["2026-01-14", "2026-01-15"]
    first = [place for place, each in enumerate(rounds) if each.seed == 20]
    sides = [found_by_kind([rounds[i] for i in first], [side[i] for i in first])["shock"] for side in (left, right)]
    assert spread.seeds["20"] == pytest.approx(sides[0] - sides[1])
    whole = precision_difference(rounds, left, right, FEW).difference
    assert np.mean(list(spread.days.values())) == pytest.approx(whole)


def test_a_relative_difference_has_an_interval_of_its_own():
    rounds = planted_rounds()
    left, right = seeing(rounds, 5.0, 1), seeing(rounds, 1.0, 2)
    found = result_of(rounds, left, right, FEW, None, relative)
    difference = precision_difference(rounds, left, right, FEW).difference
    assert found["value"] == pytest.approx(difference / found_by_kind(rounds, right)["shock"])
    assert found["low"] < found["value"] < found["high"]
    assert set(found["seeds"]) == {"20", "21", "22"}
    assert np.isnan(relative(0.5, 0.0))


def test_what_is_measured_twice_is_the_same():
    rounds = planted_rounds(days=("2026-01-14", "2026-01-15"))
    left, right = seeing(rounds, 3.0, 1), seeing(rounds, 1.0, 2)
    assert result_of(rounds, left, right, FEW, Chance(0.01, 2)) == result_of(rounds, left, right, FEW, Chance(0.01, 2))
