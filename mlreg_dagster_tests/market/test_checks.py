"""The asset checks of the market room: which hours they look at, and what they say of odd ones."""

import pytest

from mlreg_dagster.config import ConfigError
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
    passed = {"one_row_a_snapshot": True, "features_are_known": True}
    assert verdicts(trained.attempt(checks="market_features")) == passed
    _delete(trained, "market_features WHERE hour = '2026-01-06 05:00:00+00' AND instrument_id = 'sim-003'")
    (check,) = [check for check in _checks(trained.attempt(checks="market_features")) if not check.passed]
    assert "Materialize the hours again" in check.description


def _age(world):
    """Features of a week before those that are there, so that the market is no longer young."""
    with world.warehouse.connect() as connection:
        connection.execute(
            "INSERT INTO market_features SELECT * REPLACE (hour - INTERVAL 7 DAY AS hour) FROM market_features"
        )


@pytest.mark.parametrize("accepted", [False, True])
def test_a_feature_that_is_null_for_the_whole_market_is_named_unless_it_is_known_to_be(
    make_world, trained_home, accepted
):
    checks = {"unknown_features": ["market_cap_to_volume", "slog_market_cap_to_volume"] if accepted else []}
    world = make_world(trained_home, configs={"ingest": {"checks": checks}})
    _age(world)
    with world.warehouse.connect() as connection:
        connection.execute("UPDATE market_features SET market_cap_to_volume = NULL, slog_market_cap_to_volume = NULL")
        connection.execute("UPDATE market_features SET change_1h_pct = NULL WHERE instrument_id <> 'sim-003'")
    check = {each.check_name: each for each in _checks(world.attempt(checks="market_features"))}["features_are_known"]
    assert check.passed == accepted
    if not accepted:
        assert check.description.startswith(
            "market_cap_to_volume, slog_market_cap_to_volume: null for the whole market"
        )
        assert "100 % of the 144 hours with rows in the week up to 2026-01-06 23:00" in check.description
        assert check.severity.value == "WARN"


def test_features_of_a_market_that_has_just_begun_are_not_known_yet(trained):
    with trained.warehouse.connect() as connection:
        connection.execute("UPDATE market_features SET change_1h_pct = NULL")
    check = {each.check_name: each for each in _checks(trained.attempt(checks="market_features"))}["features_are_known"]
    assert check.passed
    assert check.description.startswith("Not known yet")


def test_an_unknown_feature_that_no_feature_is_called_is_refused(make_world):
    with pytest.raises(
        ConfigError, match=r"checks\.unknown_features: there is no feature market_cap; allowed are chan"
    ):
        make_world(None, configs={"ingest": {"checks": {"unknown_features": ["market_cap"]}}})
