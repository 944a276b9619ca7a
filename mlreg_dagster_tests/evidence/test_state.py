"""Whether a home is healthy: never where anything on record says otherwise, as of the time that is asked about."""

from dataclasses import replace
from datetime import timedelta

import duckdb
import pytest

from mlreg_dagster.config import load_settings
from mlreg_dagster.evidence.state import HomeState, health_of, home_state, open_alerts
from mlreg_dagster.governance.standing import standings
from mlreg_dagster.monitoring.alerts.decisions import DecidedDay
from mlreg_dagster.monitoring.metrics.slos import predictions_level
from mlreg_dagster.outcomes.performance.flagged_share import FlaggedShare
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.storage.warehouse.reader import Tables
from mlreg_dagster_tests.registry.builders import (
    BAD,
    NOW,
    alert_change,
    evaluate,
    move,
    open_incident,
    raise_alert,
    register,
    suspend,
)

HOUR = timedelta(hours=1)
LATER = NOW + 24 * HOUR


@pytest.fixture
def registry(tmp_path) -> Registry:
    found = Registry(f"sqlite:///{tmp_path}/r.db")
    register(found, "v1")
    evaluate(found, "v1")
    move(found, "v1", None)
    return found


def decided(state: str) -> DecidedDay:
    return DecidedDay(NOW, state, None, "none", 1, "v1", None, None, (), "none", "")


def healthy(registry: Registry) -> HomeState:
    """A home that nothing speaks against, and whose registry says the rest."""
    read = home_state(registry, Tables(None, "none"), load_settings(), LATER)
    return replace(
        read,
        flagged=FlaggedShare("within", 0.05, 100, "v1", "v1 flagged 5 %."),
        worth=[{"model_version": "champion", "worth": "not worse", "sentence": "They draw."}],
        drift=decided("stable"),
        predictions=predictions_level(LATER - HOUR, LATER),
        has_ended=False,
    )


def test_a_home_that_nothing_speaks_against_is_healthy(registry):
    found = health_of(healthy(registry))
    assert (found.state, found.against, found.unknown) == ("good", (), ())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"flagged": FlaggedShare("outside", 0.5, 100, "v1", "v1 flagged 50 %.")}, "v1 flagged 50 %."),
        ({"drift": decided("confirmed")}, "Drift: confirmed"),
        ({"drift": decided("watch")}, "Drift: watch"),
        ({"predictions": predictions_level(LATER - 9 * HOUR, LATER)}, "The newest predicted hour"),
        ({"worth": [{"model_version": "champion", "worth": "worse", "sentence": "They lose."}]}, "They lose."),
    ],
)
def test_what_tables_say_against_it(registry, changed, words):
    found = health_of(replace(healthy(registry), **changed))
    assert found.state == "bad"
    assert words in found.headline


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (suspend, "suspended"),
        (lambda registry: open_incident(registry, time=NOW), "Incident 1 goes on"),
        (raise_alert, "run failed"),
        (lambda registry: evaluate(registry, "v1", BAD), "failed its latest evaluation"),
    ],
)
def test_what_the_registry_says_against_it(registry, happens, words):
    happens(registry)
    found = health_of(healthy(registry))
    assert found.state == "bad"
    assert words in found.headline


def test_failed_checks_speak_against_it(registry):
    found = health_of(healthy(registry), ["The check rows of market_snapshot failed: none."])
    assert (found.state, found.headline) == ("bad", "Not healthy: The check rows of market_snapshot failed: none.")


@pytest.mark.parametrize(
    "changed",
    [
        {"flagged": FlaggedShare("unknown", None, 0, None, "Not known.")},
        {"drift": None},
        {"drift": decided("unknown")},
        {"predictions": predictions_level(None, LATER)},
        {"worth": []},
        {"worth": [{"model_version": "champion", "worth": "unknown", "sentence": "Too few weeks."}]},
    ],
)
def test_what_is_not_known_is_not_healthy(registry, changed):
    assert health_of(replace(healthy(registry), **changed)).state == "unsure"


def test_what_others_do_not_know_is_not_healthy_either(registry):
    assert health_of(healthy(registry), not_known=["drift of features."]).headline.endswith("drift of features.")


def test_nothing_is_late_where_no_hour_is_to_come(registry):
    late = {"predictions": predictions_level(LATER - 900 * HOUR, LATER), "has_ended": True}
    assert health_of(replace(healthy(registry), **late)).state == "good"


def test_without_a_champion_it_is_not_healthy(tmp_path):
    empty = Registry(f"sqlite:///{tmp_path}/empty.db")
    assert health_of(healthy(empty)).state == "unsure"
    assert standings(empty, LATER).versions == ()


def test_alerts_and_incidents_are_those_of_the_time(registry):
    event = raise_alert(registry, time=NOW)
    open_incident(registry, time=NOW)
    over = Attribution("automation", LATER + HOUR, "a look")
    registry.record_alerts(lambda _: [alert_change("resolved", event.subject, ())], over)

    def state(as_of, *, is_past=True):
        return home_state(registry, Tables(None, "none"), load_settings(), as_of, is_past=is_past)

    assert state(NOW - HOUR).alerts == state(LATER + 2 * HOUR, is_past=False).alerts == ()
    then = state(LATER)
    assert [each.fingerprint for each in then.alerts] == [event.fingerprint]
    assert [each.number for each in then.incidents] == [1]
    assert open_alerts(registry.alert_events(), LATER + 2 * HOUR) == []


def test_tables_are_read_until_the_time(registry):
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE predictions AS SELECT hour, 'v1' AS model_version, 'champion' AS role, "
            "number = 0 AS is_anomaly, false AS in_sample FROM range(TIMESTAMPTZ '2018-01-01 00:00:00+00', "
            "TIMESTAMPTZ '2018-01-03 00:00:00+00', INTERVAL 1 HOUR) AS hours(hour), range(20) AS numbers(number)"
        )
        tables = Tables(connection, "none")
        past = home_state(registry, tables, load_settings(), LATER, is_past=True)
        assert "in the day up to 2018-01-02 00:00" in past.flagged.text
        assert past.flagged.state == "within"
        assert "2018-01-02 00:00" in past.predictions.text
        assert "2018-01-02 23:00" in home_state(registry, tables, load_settings(), LATER).flagged.text
        before = home_state(registry, tables, load_settings(), NOW - HOUR, is_past=True)
        assert (before.flagged.state, before.predictions.state) == ("unknown", "unknown")
