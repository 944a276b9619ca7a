"""The table of a sweep: what is missing, what was measured, how it stands to the base, and what it says in words."""

import pytest

from mlreg_dagster.models.sweeps.table import baseline_of, best_of, rows_of, sentence_of
from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.models.sweeps.plans import a_plan, judge, train_planned
from mlreg_dagster_tests.registry.builders import BAD, register

PLAN = a_plan()


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}")


def states(registry):
    return [row.state for row in rows_of(PLAN, registry)]


def test_each_configuration_is_followed_from_missing_to_compared(registry):
    assert states(registry) == ["missing"] * 3
    assert sentence_of(rows_of(PLAN, registry), 0.95) == (
        "No configuration is compared with the base yet. 3 of 3 are not done yet."
    )
    for number in range(3):
        train_planned(registry, PLAN, number)
    assert states(registry) == ["candidate"] * 3
    judge(registry, PLAN, 0, 0.6)
    judge(registry, PLAN, 1, 0.7, "better")
    judge(registry, PLAN, 2, 0.5, "worse", BAD)
    base, better, worse = rows_of(PLAN, registry)
    assert (base.state, better.state, worse.state) == ("evaluated", "evaluated", "rejected")
    assert (worse.failed_gates, better.failed_gates) == (("score_gap",), ())
    assert (better.difference, better.low, better.high) == pytest.approx((0.1, 0.0, 0.2))
    assert (better.margin, better.margin_low, better.margin_high) == pytest.approx((0.3, 0.01, 0.2))
    assert (base.verdict, base.difference, baseline_of([base, better])) == (None, None, 0.4)
    assert all(row.is_compared for row in (base, better, worse))
    assert best_of([base, better, worse]) == better
    assert sentence_of([base, better, worse], 0.95) == (
        "Of 2 configurations at finding planted anomalies: 1 better than the base (few), 1 worse, 0 not "
        "distinguishable. Highest: few (v5) with 0.700. Each 95% interval is of one comparison alone: of 2 that are no "
        "better, about 0.1 would look better by chance."
    )


def test_one_that_was_evaluated_before_its_base_is_not_done(registry):
    train_planned(registry, PLAN, 1)
    judge(registry, PLAN, 1, 0.7)
    row = rows_of(PLAN, registry)[1]
    assert (row.state, row.is_compared) == ("evaluated", False)


def test_an_experiment_says_nothing_of_a_configuration(registry):
    train_planned(registry, PLAN, 1)
    judge(registry, PLAN, 1, 0.7, "better", departures=("another seed",))
    row = rows_of(PLAN, registry)[1]
    assert (row.state, row.average_precision, row.verdict) == ("candidate", None, None)


def test_a_version_that_is_something_else_is_not_taken_for_the_configuration(registry):
    register(registry, "v5")
    judge(registry, PLAN, 1, 0.9, "better")
    row = rows_of(PLAN, registry)[1]
    assert (row.state, row.average_precision) == ("taken", None)
    assert "another version" in row.reason
