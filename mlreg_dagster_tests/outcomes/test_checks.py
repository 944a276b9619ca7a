"""The asset checks on prediction_outcomes."""

import pytest

from mlreg_dagster_tests.lifecycle import DUE_HOURS


def _check(result, name="one_outcome_a_prediction"):
    return {check.check_name: check for check in result.get_asset_check_evaluations()}[name]


def _delete(world, where):
    with world.warehouse.connect() as connection:
        connection.execute(f"DELETE FROM {where}")


def test_every_prediction_with_its_outcome_passes(live):
    check = _check(live.attempt(checks="prediction_outcomes"))
    assert check.passed
    assert check.metadata["predictions"].value == check.metadata["outcomes"].value > 200


@pytest.mark.parametrize(
    "lost",
    [
        "prediction_outcomes WHERE instrument_id = 'sim-004' AND hour = '2026-01-06 03:00:00+00'",
        "prediction_outcomes WHERE hour = '2026-01-06 03:00:00+00'",
        "predictions WHERE instrument_id = 'sim-004' AND hour = '2026-01-05 03:00:00+00'",
    ],
    ids=["an outcome", "an hour", "a prediction"],
)
def test_what_is_lost_is_found(live, lost):
    _delete(live, lost)
    check = _check(live.attempt(checks="prediction_outcomes"))
    assert not check.passed
    assert "Materialize prediction_outcomes for these hours again." in check.description


def test_within_a_run_it_looks_at_the_hours_of_the_run(live):
    _delete(live, "prediction_outcomes WHERE hour = '2026-01-06 20:00:00+00'")
    check = _check(live.attempt("prediction_outcomes", hours=DUE_HOURS[:2]))
    assert check.passed
    assert check.metadata["outcomes"].value == 24


def test_before_any_outcome_there_is_nothing_to_find(trained):
    check = _check(trained.attempt(checks="prediction_outcomes"))
    assert check.passed
    assert check.description == "No prediction has fallen due yet."


@pytest.mark.parametrize(
    "outcomes", [{"crash_pct": -0.5}, {"target": "touch", "crash_pct": -0.5}, {"horizon_hours": 12}], ids=str
)
def test_outcomes_of_another_meaning_are_named_until_they_are_made_again(make_world, live_home, outcomes):
    world = make_world(live_home, configs={"outcomes": outcomes})
    check = _check(world.attempt(checks="prediction_outcomes"), "outcomes_have_one_meaning")
    assert not check.passed
    assert f"crash_pct {world.settings.outcomes.crash_pct:g}" in check.description
    assert "were made under other settings than" in check.description
    assert "Materialize prediction_outcomes" in check.description
    if "horizon_hours" not in outcomes:
        world.attempt("prediction_outcomes", hours=DUE_HOURS)
        assert _check(world.attempt(checks="prediction_outcomes"), "outcomes_have_one_meaning").passed


@pytest.mark.parametrize("world", ["live", "trained"])
def test_outcomes_of_one_meaning_pass(request, world):
    result = request.getfixturevalue(world).attempt(checks="prediction_outcomes")
    assert _check(result, "outcomes_have_one_meaning").passed
