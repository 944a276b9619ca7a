"""The asset check on prediction_outcomes."""

import pytest

from mlreg_dagster_tests.lifecycle import DUE_HOURS


def _check(result):
    (check,) = result.get_asset_check_evaluations()
    assert check.check_name == "one_outcome_a_prediction"
    return check


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
