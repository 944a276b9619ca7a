"""The asset checks of the market room: which hours they look at, and what they say of odd ones."""

import pytest

from mlreg_dagster.core.hours import hour_key
from mlreg_dagster.market.quality import SNAPSHOT_CHECKS
from mlreg_dagster_tests.lifecycle import DUE, MARKET_HOURS, failure, verdicts

LAST_DAY = {"first_hour": f"{DUE:%Y-%m-%d %H:%M}", "last_hour": f"{MARKET_HOURS[-1]:%Y-%m-%d %H:%M}"}


def _looked_at(result):
    found = {(check.metadata["first_hour"].value, check.metadata["last_hour"].value) for check in _checks(result)}
    assert len(found) == 1
    return found.pop()


def _checks(result):
    return result.get_asset_check_evaluations()


def _delete(world, where):
    with world.warehouse.connect() as connection:
        connection.execute(f"DELETE FROM {where}")


@pytest.mark.parametrize("first", [3, 1], ids=["range", "partition"])
def test_within_a_run_they_look_at_its_hours(trained, first):
    hours = MARKET_HOURS[30 : 30 + first]
    how = {"hours": hours} if first > 1 else {"key": hour_key(hours[0])}
    result = trained.attempt("market_snapshot", **how)
    assert verdicts(result) == dict.fromkeys(SNAPSHOT_CHECKS, True)
    assert _looked_at(result) == (f"{hours[0]:%Y-%m-%d %H:%M}", f"{hours[-1]:%Y-%m-%d %H:%M}")


def test_alone_they_look_at_the_newest_day(trained):
    result = trained.attempt(checks="market_snapshot")
    assert _looked_at(result) == tuple(LAST_DAY.values())
    assert verdicts(result) == dict.fromkeys(SNAPSHOT_CHECKS, True) | {"freshness": False}


def test_what_is_odd_is_warned_of_and_does_not_fail_the_run(trained):
    _delete(trained, "market_snapshot WHERE hour = '2026-01-06 05:00:00+00' AND instrument_id > 'sim-002'")
    result = trained.attempt(checks="market_snapshot")
    assert result.success
    odd = {check.check_name: check for check in _checks(result) if not check.passed}
    assert set(odd) == {"universe_size", "freshness"}
    assert "2026-01-06 05:00" in odd["universe_size"].description
    assert {check.severity.value for check in odd.values()} == {"WARN"}


def test_a_split_since_the_day_before_is_found(trained):
    with trained.warehouse.connect() as connection:
        connection.execute(
            "UPDATE market_snapshot SET price = 10 * price WHERE instrument_id = 'sim-003' AND hour < $1", [DUE]
        )
    odd = [check for check in _checks(trained.attempt(checks="market_snapshot")) if not check.passed]
    assert {check.check_name for check in odd} == {"adjusted_prices", "freshness"}


def test_alone_on_an_empty_table_they_say_what_to_do(make_world):
    assert "market_snapshot holds no hour yet. Materialize it first." in failure(
        make_world(None).attempt(checks="market_snapshot")
    )


def test_features_without_a_snapshot_row_are_found(trained):
    assert verdicts(trained.attempt(checks="market_features")) == {"one_row_a_snapshot": True}
    _delete(trained, "market_features WHERE hour = '2026-01-06 05:00:00+00' AND instrument_id = 'sim-003'")
    (check,) = _checks(trained.attempt(checks="market_features"))
    assert not check.passed
    assert "Materialize the hours again" in check.description
