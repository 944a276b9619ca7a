"""Alerts and their outbox, on both databases."""

import pandas as pd
import pytest
import sqlalchemy as sa

from mlreg_dagster.registry import AlertChange, Attribution, InvalidRecord, Registry
from mlreg_dagster_tests.registry.builders import NOW, alert_change

HOUR = pd.Timedelta(hours=1)


def record(registry: Registry, *changes: AlertChange, time: pd.Timestamp = NOW):
    return registry.record_alerts(lambda _: changes, Attribution("automation", time, "a look"))


@pytest.fixture
def registry(registry_url: str) -> Registry:
    return Registry(registry_url)


def test_an_event_and_its_messages_are_stored_together(registry):
    (event,) = record(registry, alert_change())
    assert (event.sequence, event.state, event.reason, event.actor) == (1, "firing", "a look", "automation")
    waiting = registry.undelivered_messages()
    assert [(each.channel, each.event, each.attempts) for each in waiting] == [("a", event, 0), ("b", event, 0)]
    assert len({each.key for each in waiting}) == 2
    assert [(each.event, each.told) for each in registry.open_alerts()] == [(event, {"a", "b"})]
    assert registry.find_tampering() is None
    assert [link.kind for link in registry.audit_log()] == ["alert_events", "alert_messages", "alert_messages"]


def test_an_event_whose_message_can_not_be_stored_is_not_stored_either(registry):
    with pytest.raises(InvalidRecord, match="told once"):
        record(registry, alert_change(channels=("a", "a")))
    assert registry.alert_events() == []
    assert registry.audit_log() == []


def test_what_is_due_is_asked_again_within_the_transaction(registry):
    asked = []

    def due(recorded):
        asked.append([each.event.subject for each in recorded])
        if len(asked) == 1:
            record(registry, alert_change())  # another process is faster
        return [] if asked[-1] else [alert_change()]

    assert registry.record_alerts(due, Attribution("automation", NOW, "a look")) == []
    assert asked == [[], ["hourly"]]
    assert len(registry.alert_events()) == 1


def test_nothing_is_locked_where_nothing_is_due(registry, monkeypatch):
    registry.alert_events()
    monkeypatch.setattr(registry._database, "writing", lambda: pytest.fail("a writing transaction"))
    assert record(registry) == []


def test_a_resolved_alert_is_not_open_and_may_fire_again(registry):
    record(registry, alert_change(), alert_change(subject="datasets"))
    record(registry, alert_change("resolved"), time=NOW + HOUR)
    assert [each.event.subject for each in registry.open_alerts()] == ["datasets"]
    (again,) = record(registry, alert_change(channels=("b",)), time=NOW + 2 * HOUR)
    assert again.sequence == 3
    told = {each.event.subject: each.told for each in registry.open_alerts()}
    assert told == {"datasets": {"a", "b"}, "hourly": {"b"}}  # since it began to fire again


def test_a_message_waits_until_it_is_delivered(registry):
    record(registry, alert_change())
    first, second = registry.undelivered_messages()
    registry.record_attempt(first, "unavailable", "no answer", NOW)
    (tried, _) = registry.undelivered_messages()
    assert (tried.key, tried.attempts, tried.outcome, tried.detail) == (first.key, 1, "unavailable", "no answer")
    assert tried.tried_at == NOW
    registry.record_attempt(tried, "delivered", "", NOW + HOUR)
    assert registry.undelivered_messages() == [second]
    assert registry.find_tampering() is None


def test_two_that_deliver_the_same_message_leave_it_delivered(registry):
    record(registry, alert_change(channels=("a",)))
    (message,) = registry.undelivered_messages()
    registry.record_attempt(message, "unavailable", "no answer", NOW)
    registry.record_attempt(message, "unavailable", "the other process saw the same", NOW)
    registry.record_attempt(message, "delivered", "", NOW)  # as it was read before the first attempt
    assert registry.undelivered_messages() == []


def test_events_are_append_only(registry, registry_url):
    record(registry, alert_change())
    engine = sa.create_engine(registry_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    for table in ("alert_events", "alert_messages"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")


def test_the_newest_events_can_be_asked_for(registry):
    record(registry, alert_change(), alert_change(subject="datasets"), alert_change(subject="third"))
    assert [each.subject for each in registry.alert_events(last=2)] == ["datasets", "third"]


def test_a_fingerprint_that_is_none_is_refused(registry):
    with pytest.raises(InvalidRecord, match="fingerprint"):
        registry.record_alerts(
            lambda _: [AlertChange("x", "firing", "r", "s", NOW, "info", "anna", "m", "b")],
            Attribution("automation", NOW, "a look"),
        )
