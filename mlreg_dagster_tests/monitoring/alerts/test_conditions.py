"""What is wrong now, from plain facts; each rule has its entry in the runbook."""

from datetime import timedelta

import pytest

from mlreg_dagster.monitoring.alerts import conditions
from mlreg_dagster.monitoring.alerts.decisions import DECISION_RULES, DecidedDay, drift_alerts
from mlreg_dagster.monitoring.alerts.rules import RULES
from mlreg_dagster.monitoring.metrics import slos
from mlreg_dagster.monitoring.response import table
from mlreg_dagster.outcomes.performance.flagged_share import FlaggedShare
from mlreg_dagster.registry import Registry, TrafficEvent
from mlreg_dagster_tests.monitoring.alerts.builders import HOUR, NOW
from mlreg_dagster_tests.registry.builders import evaluate, move, register, resume, suspend
from mlreg_dagster_tests.repository import PROJECT_DIR

DAY = timedelta(days=1)
SHARE = FlaggedShare("outside", 0.66, 500, "v3", "v3 flagged 66.0% of 500 rows.")


def test_every_rule_has_an_entry_in_the_runbook_and_no_entry_is_left_over():
    runbook = (PROJECT_DIR / "docs" / "runbook.md").read_text(encoding="utf-8")
    entries = {line.removeprefix("### ") for line in runbook.splitlines() if line.startswith("### Alert ")}
    assert entries == {rule.runbook for rule in RULES.values()}


def test_what_the_decision_table_tells_has_a_rule():
    told = set(table.Rule.__args__)
    assert told == set(DECISION_RULES) <= set(RULES)


def test_every_objective_has_a_rule():
    assert {each.rule for each in slos.OBJECTIVES} <= set(RULES)


def test_a_job_that_failed():
    (alert,) = conditions.failed_jobs([conditions.FailedJob("hourly", "0123456789", "2026-03-01-11:00", "no answer")])
    assert (alert.rule, alert.subject, alert.onset) == ("run_failed", "hourly", None)
    assert alert.message == "Run 01234567 of hourly (2026-03-01-11:00) failed: no answer"


def test_a_flagged_share_outside_of_its_limits_unless_a_decision_says_so():
    assert [each.subject for each in conditions.flagged_share(SHARE)] == ["v3"]
    assert conditions.flagged_share(SHARE, is_decided=True) == []
    assert conditions.flagged_share(FlaggedShare("unknown", None, 0, None, "")) == []


def test_an_old_champion_has_the_onset_at_which_it_became_old():
    assert conditions.old_champion("v1", NOW - 30 * DAY, NOW, 30 * DAY) == []
    (alert,) = conditions.old_champion("v1", NOW - 31 * DAY, NOW, 30 * DAY)
    assert alert.onset == NOW - DAY


def test_one_alert_a_suspension_until_it_is_resumed(tmp_path):
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    register(registry, "v1")
    evaluate(registry, "v1")
    move(registry, "v1", None)
    assert conditions.suspended(registry.suspended().values()) == []
    stopped = suspend(registry)
    (alert,) = conditions.suspended(registry.suspended().values())
    assert (alert.rule, alert.subject, alert.onset) == ("suspended", "champion", stopped.effective_at)
    assert alert.urgency == "page"
    assert "by carla: it flags all" in alert.message
    resume(registry)
    assert conditions.suspended(registry.suspended().values()) == []


def traffic(state="rolled_back", ruling="roll_back", row=2, at=NOW):
    facts = {"decision": {"row": row}} if row else {}
    return TrafficEvent(
        3, "champion", 3, 1, state, "v1", "0" * 64, "v2", "1" * 64, 0, False, "s", ruling, facts, None, at,
        "automation", "Errors in 12 of 60 seconds.", at, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ruling", "row", "severity"),
    [
        ("roll_back", 1, "ticket"),
        ("roll_back", 2, "page"),
        ("roll_back", 3, "ticket"),
        ("roll_back", 4, "ticket"),
        ("roll_back", 8, "info"),
        ("abort", None, "info"),
        ("superseded", None, "info"),
    ],
)
def test_a_rollback_is_as_urgent_as_its_cause(ruling, row, severity):
    (alert,) = conditions.rolled_back([traffic(ruling=ruling, row=row)], NOW)
    assert (alert.rule, alert.subject, alert.onset, alert.severity) == ("rollout_rolled_back", "v2", NOW, severity)
    assert "Cause: Errors in 12 of 60 seconds." in alert.message


def test_a_rollback_is_told_for_a_week_and_other_changes_never():
    assert conditions.rolled_back([traffic()], NOW + 7 * DAY)
    assert conditions.rolled_back([traffic()], NOW + 7 * DAY + HOUR) == []
    others = [traffic("canary_5", "advance"), traffic("closed", "advance"), traffic("full", "pause")]
    assert conditions.rolled_back(others, NOW) == []


def test_a_rollout_that_waits_for_an_approval_is_an_alert_a_step():
    waiting = [conditions.WaitingRollout("v2", state, "full needs an approval.") for state in ("shadow", "canary_50")]
    alerts = conditions.waiting_rollouts(waiting)
    assert [each.subject for each in alerts] == ["v2 in shadow", "v2 in canary_50"]
    assert "`mlreg approve v2`" in alerts[0].message


@pytest.mark.parametrize(("free", "tables", "told"), [(2 << 30, 0, 0), (1 << 29, 0, 1), (2 << 30, 3 << 30, 1)])
def test_a_disk_that_is_nearly_full(free, tables, told):
    assert len(conditions.low_disk("/home", free, tables)) == told


@pytest.mark.parametrize(("minutes", "state"), [(0, "met"), (120, "met"), (121, "missed")])
def test_predictions_are_at_most_two_hours_old(minutes, state):
    level = slos.predictions_level(NOW - HOUR, NOW + timedelta(minutes=minutes))
    assert level.state == state
    alerts = conditions.missed_objectives([level])
    assert [each.rule for each in alerts] == (["predictions_late"] if state == "missed" else [])


@pytest.mark.parametrize(("hours", "state"), [(24, "met"), (25, "met"), (25.1, "missed")])
def test_outcomes_come_at_most_25_hours_after_the_end_of_their_hour(hours, state):
    """The prediction of NOW - 1 h is the oldest without an outcome."""
    newest = NOW - HOUR + 23 * HOUR
    assert slos.outcomes_level(newest, 24 * HOUR, NOW + hours * HOUR).state == state


@pytest.mark.parametrize(("hours", "state"), [(-5, "met"), (3, "met"), (3.1, "missed")])
def test_drift_is_examined_at_most_three_hours_after_the_end_of_the_day(hours, state):
    midnight = NOW.replace(hour=0)
    assert slos.drift_level(midnight - 2 * DAY, midnight + hours * HOUR).state == state


def test_what_was_never_measured_is_unknown():
    levels = [slos.predictions_level(None, NOW), slos.outcomes_level(None, DAY, NOW), slos.drift_level(None, NOW)]
    assert {each.state for each in levels} == {"unknown"}
    assert conditions.missed_objectives(levels) == []


@pytest.mark.parametrize(("hours", "can", "state"), [(24, True, "met"), (25, True, "missed"), (25, False, "unknown")])
def test_a_drift_is_found_within_a_day_where_its_size_allows(hours, can, state):
    (level,) = slos.found_levels([slos.Found("data-sudden", NOW - DAY, NOW + hours * HOUR, can)])
    assert level.state == state


@pytest.mark.parametrize(
    ("evaluated", "failed", "state"),
    [(4, False, "met"), (5, False, "missed"), (None, False, "missed"), (None, True, "unknown")],
)
def test_a_training_is_evaluated_within_four_hours(evaluated, failed, state):
    at = None if evaluated is None else NOW + evaluated * HOUR
    (level,) = slos.training_levels([slos.Training("data-sudden", NOW, at, failed)], NOW + 6 * HOUR)
    assert level.state == state


def decided(*alerts, cause="data-sudden-2026-02-27-v3", onset=NOW - 2 * DAY, **more) -> DecidedDay:
    values = {"state": "watch", "family": "data", "action": "none", "table_row": 5, "champion": "v3"}
    values |= {"training": "none", "reasons": "The flagged share is 66 %.\nNothing is stale."} | more
    return DecidedDay(day=NOW - DAY, cause=cause, onset=onset, alerts=alerts, **values)


def test_a_decision_names_alerts_with_their_severity_and_what_to_do():
    (alert,) = drift_alerts(decided(("drift_watch", "page")))
    assert (alert.rule, alert.subject, alert.onset, alert.urgency) == ("drift_watch", "v3", NOW - 2 * DAY, "page")
    assert alert.message.startswith("2026-02-28: The flagged share is 66 %. Nothing is stale. ")
    assert "mlreg rollback" in alert.message
    assert drift_alerts(None) == drift_alerts(decided()) == []


def test_the_onset_is_that_of_the_cause_that_an_alert_is_about():
    quality, drift = ("data_quality", "ticket"), ("drift_watch", "ticket")
    assert [each.onset is None for each in drift_alerts(decided(quality, drift))] == [True, False]
    of_quality = decided(quality, drift, cause="quality-bad-2026-02-27-v3")
    assert [each.onset is None for each in drift_alerts(of_quality)] == [False, True]
    assert [each.onset for each in drift_alerts(decided(drift, cause=None, onset=None))] == [None]
