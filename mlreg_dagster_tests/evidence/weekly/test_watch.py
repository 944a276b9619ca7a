"""What the report says of decisions, alerts and objectives: of the week, as they stood at its end."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from mlreg_dagster.evidence.weekly import watch
from mlreg_dagster.evidence.weekly.week import week_of
from mlreg_dagster.monitoring.response.decisions import Decision
from mlreg_dagster.monitoring.response.stored import DRIFT_DECISIONS, rows_of
from mlreg_dagster.registry import AlertChange, Attribution, Registry
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.monitoring.response.days import QUIET
from mlreg_dagster_tests.registry.builders import add_to_incident, open_incident

MONDAY = datetime(2026, 1, 12, tzinfo=UTC)
WEEK = week_of(pd.Timestamp(MONDAY))
DAY = timedelta(days=1)


@pytest.fixture
def tables(tmp_path):
    return DuckDBWarehouse(tmp_path / "tables.duckdb")


@pytest.fixture
def registry(tmp_path):
    return Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}", lambda: ({}, MONDAY - 30 * DAY))


def write(tables, *states):
    for number, state in enumerate(states):
        day = date(2026, 1, 12) + number * DAY
        decided = Decision(
            facts=replace(QUIET, day=day), training="none", row=0, state=state, family=None, action="none",
            alerts=(), protects=False, cause=None, waited_for=None, leave_out=(), reasons=("Nothing happened.",),
        )  # fmt: skip
        tables.write(DRIFT_DECISIONS, rows_of([decided]), [pd.Timestamp(day, tz="UTC")])


@pytest.mark.parametrize(
    ("states", "found"),
    [
        ([], "unknown"),
        (["stable"] * 6, "unknown"),
        (["stable"] * 7, "in order"),
        (["stable"] * 6 + ["unknown"], "unknown"),
        (["stable"] * 6 + ["watch"], "needs attention"),
        (["confirmed"] + ["stable"] * 6, "needs attention"),
    ],
)
def test_a_week_is_in_order_only_if_each_day_was_judged_and_calm(tables, states, found):
    write(tables, *states)
    assert watch.decisions(tables, WEEK).state == found


def open_in(registry, week):
    return watch.open_in(registry.alert_events(), week)


def record(registry, event, at, rule="run_failed", severity="ticket"):
    change = AlertChange(
        fingerprint=("ab" if rule == "run_failed" else "cd") * 32, event=event, rule=rule, subject="hourly",
        onset=MONDAY, severity=severity, owner="ops", message="It failed.", runbook="A run failed",
    )  # fmt: skip
    registry.record_alerts(lambda *_: [change], Attribution("automation", at, "looked"))


def test_an_alert_is_told_as_it_stood_at_the_end_of_the_week(registry):
    record(registry, "firing", MONDAY + DAY)
    record(registry, "resolved", MONDAY + 8 * DAY)
    found = watch.alerts(open_in(registry, WEEK))
    assert [row["at the end"] for row in found.rows] == ["firing"]
    assert found.state == "needs attention"
    after = watch.alerts(open_in(registry, week_of(WEEK.end)))
    assert [row["at the end"] for row in after.rows] == ["resolved"]
    assert after.state == "in order"
    assert watch.alerts(open_in(registry, week_of(WEEK.end + pd.Timedelta(days=7)))).rows == []
    assert watch.alerts(open_in(registry, week_of(WEEK.first - pd.Timedelta(days=7)))).rows == []


def test_an_objective_that_was_missed_and_met_again_was_missed_all_the_same(registry):
    record(registry, "firing", MONDAY, rule="predictions_late")
    record(registry, "resolved", MONDAY + DAY, rule="predictions_late")
    found = watch.objectives(open_in(registry, WEEK))
    missed = {row["objective"]: (row["times missed"], row["still missed"]) for row in found.rows}
    assert missed.pop("predictions") == (1, "no")
    assert set(missed.values()) == {(0, "no")}
    assert found.state == "needs attention"


def test_incidents_ask_for_attention_until_they_are_over_and_their_report_is_reviewed(registry):
    def stand(week=WEEK):
        return watch.incidents(registry.incidents(), week)

    assert (stand().state, stand().rows) == ("in order", [])
    open_incident(registry, MONDAY - DAY, time=MONDAY - DAY)
    assert stand().state == "needs attention"
    assert stand(week_of(pd.Timestamp(MONDAY - 7 * DAY))).rows[0]["state"] == "open"
    assert stand(week_of(pd.Timestamp(MONDAY - 14 * DAY))).rows == []
    add_to_incident(registry, "resolved", time=MONDAY + DAY)
    assert (stand().state, stand().rows[0]["state"]) == ("needs attention", "resolved")
    assert "waits for its review: 1." in stand().text
    add_to_incident(registry, "reviewed", time=MONDAY + 2 * DAY)
    assert (stand().state, stand().rows[0]["state"]) == ("in order", "reviewed")
    assert stand(week_of(pd.Timestamp(MONDAY + 7 * DAY))).rows == []
