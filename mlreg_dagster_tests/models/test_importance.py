"""What permuting a family of features costs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.rounds import PlantedRound, average_precision_by_kind
from mlreg_dagster.models.importance import (
    REFITS,
    NothingPlanted,
    measure,
    measure_with_refits,
    of_evaluation,
)
from mlreg_dagster_tests.models.builders import with_manifest


def _by_family(found):
    return {each.family: each for each in found.families}


class Volumes(Model):
    """Looks at the volume alone: its distance from that of the holdout."""

    def score(self, features):
        return np.abs(features["slog_volume_24h"].fillna(10).to_numpy() - 10)


@pytest.fixture
def volumes(model_of):
    found = model_of("robust_z_score")
    return Volumes(found.pipeline, found.baseline, found.manifest)


@pytest.fixture
def bursts(world):
    """Four rounds in which five rows of the holdout have a thousandfold volume."""
    rounds = []
    for number in range(4):
        rows = world.holdout.rows.copy()
        chosen = np.zeros(len(rows), dtype=bool)
        chosen[np.random.default_rng(number).choice(len(rows), 5, replace=False)] = True
        rows.loc[chosen, "slog_volume_24h"] = 30.0
        rounds.append(PlantedRound("burst", rows, chosen))
    return rounds


def test_the_family_that_a_model_looks_at_is_needed_and_no_other(volumes, world, bursts):
    found = measure(volumes, world.holdout, bursts, 0.95)
    assert found.families[0].family == "volume"
    assert found.families[0].drop > 0.5
    assert all(each.drop == 0.0 for each in found.families[1:])
    assert set(found.needed) == set(found.families[0].features)
    assert {name for each in found.families for name in each.features} == set(volumes.features)


def test_the_whole_model_finds_what_its_evaluation_says(model_of, world, rounds):
    """In the small world all rows of the holdout are looked at, but those that an event touched."""
    model = model_of("isolation_forest")
    expected = np.mean(list(average_precision_by_kind(model, model.score, rounds).values()))
    assert measure(model, world.holdout, rounds, 0.95).average_precision == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("detector", ["robust_z_score", "ensemble"])  # one of no seed; one of members, with seeds
def test_refits_widen_what_rounds_tell(detector, model_of, world, rounds):
    model = model_of(detector)
    found = measure_with_refits(model, world.store, world.holdout, rounds, 0.95, REFITS)
    assert (found.refits, found.rounds, found.remark) == (REFITS, len(rounds), "")
    for each in found.families:
        assert each.low <= each.drop <= each.high
    again = measure_with_refits(model, world.store, world.holdout, rounds, 0.95, REFITS)
    assert again == found


def test_a_higher_confidence_has_wider_intervals(model_of, world, rounds):
    model = model_of("isolation_forest")
    narrow, wide = (measure(model, world.holdout, rounds, confidence) for confidence in (0.8, 0.99))
    for some, more in zip(narrow.families, wide.families, strict=True):
        assert (some.family, some.drop) == (more.family, more.drop)
        assert more.low <= some.low <= some.high <= more.high


def test_one_round_of_a_kind_tells_no_interval(volumes, world, bursts):
    found = measure(volumes, world.holdout, bursts[:1], 0.95)
    assert {(each.low, each.high) for each in found.families} == {(None, None)}
    assert found.needed == []


@pytest.mark.slow
def test_the_interval_covers_the_mean_over_many_rounds(volumes, world):
    """Student's interval over few rounds holds what many say, in about as many cases as it promises."""
    values = world.holdout.rows.assign(slog_volume_24h=10.0)
    rng = np.random.default_rng(5)

    def burst():
        chosen = np.zeros(len(values), dtype=bool)
        chosen[rng.choice(len(values), 5, replace=False)] = True
        noise = rng.normal(0, 1, len(values))
        rows = values.assign(slog_volume_24h=np.where(chosen, 11.5, 10.0) + noise)
        return PlantedRound("burst", rows, chosen)

    holdout = replace(world.holdout, rows=values.assign(slog_volume_24h=10.0 + rng.normal(0, 1, len(values))))
    many = measure(volumes, holdout, [burst() for _ in range(60)], 0.95).families[0].drop
    few = [measure(volumes, holdout, [burst() for _ in range(5)], 0.95) for _ in range(20)]
    held = [_by_family(each)["volume"].low <= many <= _by_family(each)["volume"].high for each in few]
    assert np.mean(held) >= 0.85


def test_what_can_not_be_refitted_is_said_and_measured_all_the_same(model_of, world, rounds):
    model = with_manifest(model_of("robust_z_score"), dataset_sha256="0" * 64)
    found = measure_with_refits(model, world.store, world.holdout, rounds, 0.95, 2)
    assert found.refits == 0
    assert found.remark.startswith("Not refitted: v1 was trained on dataset 000")
    assert found.families == measure(model, world.holdout, rounds, 0.95).families


def test_without_planted_anomalies_there_is_nothing_to_measure(model_of, world):
    model = model_of("robust_z_score")
    with pytest.raises(NothingPlanted, match="No anomaly could be planted"):
        measure(model, world.holdout, [], 0.95)
    assert of_evaluation(model, world.store, world.holdout, [], 0.95, 0) == {}


def test_an_evaluation_records_it_as_plain_values(model_of, world, rounds):
    facts = of_evaluation(model_of("robust_z_score"), world.store, world.holdout, rounds, 0.95, 0)["importance"]
    assert facts["refits"] == 0
    assert pd.DataFrame(facts["families"]).columns.tolist() == ["family", "features", "drop", "low", "high"]
