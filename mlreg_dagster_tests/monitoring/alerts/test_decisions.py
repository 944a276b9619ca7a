"""Alerts and objectives from decisions as they are stored."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pandas as pd

from mlreg_dagster.monitoring.alerts.decisions import drift_alerts, found_drifts, newest_decision, trainings
from mlreg_dagster.monitoring.response.decisions import Cause, Decision
from mlreg_dagster.monitoring.response.stored import DRIFT_DECISIONS, rows_of
from mlreg_dagster.monitoring.response.table import Alert as Told
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.reader import WarehouseReader
from mlreg_dagster_tests.monitoring.response.days import QUIET
from mlreg_dagster_tests.registry.builders import NOW, decide_on_drift, evaluate, register

CAUSE = Cause("data", "sudden", date(2026, 2, 27), "v3")


def decision(day: date, state: str, *told: Told, cause=CAUSE) -> Decision:
    return Decision(
        facts=replace(QUIET, day=day, champion="v3"), waited_for=None, training="none", row=5, state=state,
        family="data", action="none", alerts=told, protects=False, cause=cause, leave_out=(), reasons=("It drifts.",),
    )  # fmt: skip


def test_the_newest_day_that_is_stored_says_what_is_wrong(tmp_path):
    warehouse = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
    days = [
        decision(date(2026, 2, 28), "watch", Told("drift_watch", "ticket")),
        decision(date(2026, 3, 1), "confirmed", Told("drift_confirmed", "page"), Told("champion_worse", "ticket")),
    ]
    rows = rows_of(days)
    warehouse.write(DRIFT_DECISIONS, rows, rows["day"])
    with WarehouseReader(tmp_path / "warehouse.duckdb").tables() as tables:
        decided = newest_decision(tables)
    assert (decided.day, decided.state) == (datetime(2026, 3, 1, tzinfo=UTC), "confirmed")
    assert decided.tells_of_drift
    found = [(each.rule, each.subject, each.onset, each.urgency) for each in drift_alerts(decided)]
    onset = datetime(2026, 2, 27, tzinfo=UTC)
    assert found == [("drift_confirmed", "v3", onset, "page"), ("champion_worse", "v3", onset, "ticket")]


def test_a_home_without_decisions_has_none(tmp_path):
    with WarehouseReader(tmp_path / "warehouse.duckdb").tables() as tables:
        assert newest_decision(tables) is None


def test_a_drift_was_found_when_its_first_decision_was_recorded(tmp_path):
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    decide_on_drift(registry)
    cause = registry.drift_decisions()[0].cause
    decide_on_drift(registry, "2026-02-09", state="confirmed", action="adapt_threshold", cause=cause)
    (found,) = found_drifts(registry.drift_decisions(), cause)
    assert (found.began, found.found_at, found.can_be_found) == (datetime(2026, 2, 1, tzinfo=UTC), NOW, True)
    assert found_drifts(registry.drift_decisions(), None) == []


def test_a_training_lasts_from_the_decision_to_the_evaluation(tmp_path):
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    assert trainings(registry.drift_decisions(), registry, failed=False) == []
    decide_on_drift(registry, action="retrain", state="responding")
    (asked,) = trainings(registry.drift_decisions(), registry, failed=False)
    assert (asked.asked_at, asked.evaluated_at) == (NOW, None)
    hour = pd.Timedelta(hours=1)
    register(registry, "v1", created_at=NOW + hour, manifest={"cause": {"key": asked.subject, "trigger": "drift"}})
    evaluate(registry, "v1", recorded_at=NOW + 2 * hour)
    (done,) = trainings(registry.drift_decisions(), registry, failed=False)
    assert done.evaluated_at == NOW + 2 * hour
