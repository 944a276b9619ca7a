"""What a request costs, measured in turns and judged by an interval."""

import gc
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config.sections.release import ReleaseSettings
from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.release.performance import _status, _summary, performance, without_champion
from mlreg_dagster.release.steps import Step
from mlreg_dagster.serving.scoring.model import ServedModel
from mlreg_dagster_tests.models.builders import build_world
from mlreg_dagster_tests.serving.served_models import served

QUICK = ReleaseSettings(rounds=20, rows=(1, 100))
LIMIT = QUICK.cpu_ratio


@dataclass(frozen=True)
class Two:
    """A detector that costs little and one that looks at all its training rows, and rows for both."""

    cheap: ServedModel
    costly: ServedModel
    rows: pd.DataFrame

    def compared(self, candidate: ServedModel, champion: ServedModel) -> Step:
        return performance(candidate, champion, self.rows, QUICK, ServingSettings())


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    world = build_world(tmp_path_factory.mktemp("artifacts"))
    models = [
        served(world.store, world.train(detector, version=version))
        for version, detector in (("v1", "robust_z_score"), ("v2", "local_outlier_factor"))
    ]
    return Two(*models, world.holdout.rows.head(100))


def test_a_candidate_that_costs_much_more_is_refused_and_the_figures_say_how_much(two: Two) -> None:
    step = two.compared(two.costly, two.cheap)
    assert step.status == "failed", step
    one, many = step.figures["requests"]
    assert (one["rows"], many["rows"], one["turns"]) == (1, 100, 20)
    assert many["low"] > LIMIT
    assert many["low"] <= many["ratio"] <= many["high"]
    assert many["ratio"] == pytest.approx(many["candidate_us"] / many["champion_us"], rel=0.5)
    assert "against v1" in step.detail
    assert gc.isenabled()


def test_a_candidate_that_costs_less_passes(two: Two) -> None:
    step = two.compared(two.cheap, two.costly)
    assert step.status == "passed", step
    assert step.figures["requests"][1]["high"] < 1


def test_features_that_only_the_champion_has_are_unknown_to_it_and_the_step_says_so(two: Two) -> None:
    name = two.cheap.features[0]
    step = performance(two.costly, two.cheap, two.rows.drop(columns=name), QUICK, ServingSettings())
    assert step.figures["lacking"] == [name]
    assert f"1 features of v1 were unknown: {name}" in step.detail


def test_a_ratio_whose_interval_holds_the_limit_is_no_verdict(two: Two) -> None:
    ratios = [each["ratio"] for each in two.compared(two.cheap, two.cheap).figures["requests"]]
    assert ratios == pytest.approx([1, 1], rel=0.3)
    noisy = np.exp(np.random.default_rng(1).normal(np.log(LIMIT), 0.1, (40, 1))) * [[1.0, 0]] + [[0, 1.0]]
    found = _summary(noisy, 1, QUICK.confidence)
    assert found.low < LIMIT < found.high
    assert _status([found], LIMIT) == "not measured"


def test_turns_that_do_not_tell_are_followed_by_further_ones_and_others_are_not(two: Two) -> None:
    tight = QUICK.model_copy(update={"cpu_ratio": 1.0, "rows": (1,)})  # which is what a version is to itself
    step = performance(two.cheap, two.cheap, two.rows, tight, ServingSettings())
    assert (step.status, step.figures["requests"][0]["turns"]) in {
        ("not measured", 100),
        ("failed", 20),
        ("passed", 20),
    }
    assert two.compared(two.costly, two.cheap).figures["requests"][1]["turns"] == 20


def test_one_slow_size_of_request_is_enough_to_fail() -> None:
    fast, slow = (_summary(np.array([[each, 1.0]] * 20), 1, QUICK.confidence) for each in (1.0, 1.3))
    assert _status([fast, slow], LIMIT) == "failed"
    assert _status([fast, fast], LIMIT) == "passed"


def test_the_interval_holds_the_true_ratio_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    inside = 0
    for _ in range(300):
        noise = np.exp(
            random.normal(0, 0.2, (20, 1)) + random.normal(0, 0.05, (20, 2))
        )  # what meets both turns, and one
        found = _summary(noise * [[1.1, 1.0]], 1, 0.95)
        inside += found.low <= 1.1 <= found.high
    assert inside / 300 >= 0.92


def test_without_a_champion_nothing_is_asked() -> None:
    assert without_champion().status == "passed"


def test_turns_of_a_machine_that_became_slower_half_way_meet_both_alike() -> None:
    speed = np.where(np.arange(40) < 20, 1.0, 3.0)[:, np.newaxis]
    found = _summary(speed * [[1.0, 1.0]], 1, QUICK.confidence)
    assert (found.low, found.ratio, found.high) == (1, 1, 1)
