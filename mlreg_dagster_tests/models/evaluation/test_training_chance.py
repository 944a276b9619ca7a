"""What chance in training does: measured on the same rows with other seeds, and said where it can't be."""

from dataclasses import replace

import numpy as np
import pytest

from mlreg_dagster.models.evaluation.planted import recorded_chance
from mlreg_dagster.models.evaluation.rounds import average_precision_by_kind
from mlreg_dagster.models.evaluation.training_chance import TrainingChance, measure, measure_frozen
from mlreg_dagster.models.training import CannotTrain


def test_refits_are_what_training_with_the_next_seeds_gives(world, rounds, model_of):
    found = measure(model_of("isolation_forest", seed=3), world.training, rounds, 2)
    trained = [model_of("isolation_forest", seed=seed) for seed in (3, 4, 5)]
    expected = [np.mean(list(average_precision_by_kind(each, each.score, rounds).values())) for each in trained]
    assert found.average_precision == pytest.approx(expected)
    assert found.chance.standard_deviation == pytest.approx(np.std(expected, ddof=1))
    assert found.chance.degrees == 2
    assert found.chance.standard_deviation > 0


def test_a_detector_without_chance_has_none(world, rounds, model_of):
    assert measure(model_of("robust_z_score"), world.training, rounds, 2).chance.standard_deviation == 0


def test_what_is_not_asked_for_or_has_nothing_to_find_is_not_measured(world, rounds, model_of):
    model = model_of("isolation_forest")
    assert measure(model, world.training, rounds, 0) == TrainingChance()
    assert measure(model, world.training, [], 2) == TrainingChance()
    with pytest.raises(CannotTrain):
        measure(model, replace(world.training, sha256="0" * 64), rounds, 2)


def test_a_dataset_that_is_gone_is_said(store, rounds, model_of):
    found = measure_frozen(model_of("isolation_forest"), store, rounds, 2)
    assert found.chance is None
    assert found.remark.startswith("What chance in training does was not measured: ")


def test_the_record_gives_back_what_was_measured(world, rounds, model_of):
    found = measure(model_of("isolation_forest"), world.training, rounds, 2)
    assert recorded_chance({"planted": {"training": found.facts}}) == found.chance
    assert recorded_chance({"planted": {"training": TrainingChance().facts}}) is None
    assert recorded_chance({}) is None  # an earlier release measured nothing
