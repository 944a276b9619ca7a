"""Alerts on their page: as they stood at a time, whom they were told, how the objectives stand; text stays text."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlreg_dagster.monitoring.metrics.slos import OBJECTIVES
from mlreg_dagster.pages.alerts.facts import PAST, facts
from mlreg_dagster.pages.page import Unclear
from mlreg_dagster.registry import AlertChange, Attribution
from mlreg_dagster_tests.pages.hour.builders import NOW, rendered, view_of
from mlreg_dagster_tests.pages.hour.test_hour import HOUR, tables
from mlreg_dagster_tests.registry.builders import sha

HOSTILE = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30).map("<i>'\"{{7*7}}".__add__)
BEGAN = datetime(2026, 1, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def happens(registry, name, kind="firing", *, after=0, actor="tester", **more):
    """Record an event of an alert, so many minutes after BEGAN."""
    change = AlertChange(
        **{
            "fingerprint": sha(name), "event": kind, "rule": "drift_watch", "subject": name, "onset": BEGAN,
            "severity": "ticket", "owner": "data team", "message": f"{name} drifts.", "runbook": "Alert drift_watch",
            "channels": ("mail", "chat"),
        } | more
    )  # fmt: skip
    by = Attribution(actor, BEGAN + after * MINUTE, more.get("reason", "it is so"))
    (event,) = registry.record_alerts(lambda _: [change], by)
    return event


@pytest.fixture
def view(tmp_path):
    """One alert is acknowledged, one fires, one is over; mail takes messages, chat does not."""
    view = view_of(tmp_path, {})
    registry = view.registry
    happens(registry, "scores")
    happens(registry, "prices", severity="page", rule="suspended")
    happens(registry, "volumes")
    for message in registry.undelivered_messages():
        outcome = "delivered" if message.channel == "mail" else "unavailable"
        registry.record_attempt(message, outcome, "no answer", BEGAN + 5 * MINUTE)
    happens(registry, "scores", "acknowledged", after=10, actor="anna", reason="I look at it.", channels=())
    happens(registry, "volumes", "resolved", after=20, channels=("mail",))
    return view


def test_alerts_show_who_looks_after_them_and_whom_they_were_told(view):
    found = facts(view)
    assert [(each.subject, each.state, each.acknowledged_by) for each in found.open] == [
        ("prices", "firing", None),
        ("scores", "acknowledged", "anna"),
    ]
    assert {each.name for each in found.open} == {each.event.name for each in view.registry.open_alerts()}
    assert [(each.subject, each.state) for each in found.past] == [("volumes", "resolved")]
    told = [(each.channel, each.event, each.state, each.attempts) for each in found.past[0].told]
    assert told == [
        ("mail", "firing", "delivered", 1),
        ("chat", "firing", "unavailable", 1),
        ("mail", "resolved", "waiting", 0),
    ]
    assert found.waiting == {"chat": 3, "mail": 1}
    page = " ".join(rendered("alerts", view).split())
    assert "acknowledged by anna" in page
    assert "chat: firing, unavailable (no answer)" in page
    assert '<a href="/champions">prices</a>' in page


@pytest.mark.parametrize(
    ("after", "states", "waiting"),
    [(-1, {}, {}), (0, dict.fromkeys(["prices", "scores", "volumes"], "firing"), {"chat": 3, "mail": 3}),
     (15, {"prices": "firing", "scores": "acknowledged", "volumes": "firing"}, {"chat": 3})],
)  # fmt: skip
def test_what_happened_later_is_hidden(view, after, states, waiting):
    found = facts(replace(view, as_of=BEGAN + after * MINUTE, is_past=True))
    assert {each.subject: each.state for each in found.open} == states
    assert (found.past, found.waiting) == ((), waiting)
    assert sum(each.alerts for each in found.objectives) == 0


def test_alerts_are_filtered_and_past_ones_are_paged(view):
    for number in range(PAST + 1):
        happens(view.registry, f"p{number}", after=30, rule="predictions_late", channels=())
        happens(view.registry, f"p{number}", "resolved", after=31, rule="predictions_late", channels=())
    found = facts(replace(view, query={"page": "2"}))
    assert (found.past_count, found.pages, len(found.past)) == (PAST + 2, 2, 2)
    assert [each.subject for each in facts(replace(view, query={"severity": "page"})).open] == ["prices"]
    late = facts(replace(view, query={"rule": "predictions_late"}))
    assert (late.open_count, late.past_count, late.past[0].about) == (0, PAST + 1, "/hours")
    assert {each.rule: each.alerts for each in late.objectives}["predictions_late"] == PAST + 1
    with pytest.raises(Unclear, match="There is no severity 'x'"):
        facts(replace(view, query={"severity": "x"}))
    with pytest.raises(Unclear, match="There is no page"):
        facts(replace(view, query={"page": "3"}))


def test_objectives_are_measured_as_of_the_time_and_unknown_is_not_met(tmp_path):
    nothing = facts(view_of(tmp_path, {})).objectives
    assert {each.name: each.state for each in nothing} == {
        each.name.replace("_", " "): "unknown" for each in OBJECTIVES
    }  # fmt: skip
    states = {}
    for hours in (2, 4):
        view = view_of(tmp_path, tables(), as_of=HOUR + timedelta(hours=hours), is_past=True)
        level = next(each for each in facts(view).objectives if each.name == "predictions")
        states[hours] = (level.state, level.measured_hours)
    assert states == {2: ("met", 1.0), 4: ("missed", 3.0)}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30).map("<i>'\"{{7*7}}".__add__)
)
def test_what_others_wrote_stays_text(tmp_path_factory, text):
    view = view_of(tmp_path_factory.mktemp("hostile"), {})
    happens(view.registry, text, owner=text, message=text, reason="<i>" + "x" * 10, runbook=text)
    for message in view.registry.undelivered_messages():
        view.registry.record_attempt(message, "refused", text, NOW)
    page = rendered("alerts", view)
    assert "<i>" not in page
    assert "{{7*7}}" in page
    assert facts(view).open[0].subject == text
