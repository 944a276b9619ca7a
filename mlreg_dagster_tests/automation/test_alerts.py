"""The sensor that records and delivers alerts, on the graph."""

import json

import pytest
import yaml

from mlreg_dagster.automation.alerts.plugin_channel import all_channels
from mlreg_dagster.config import NotificationSettings
from mlreg_dagster.storage.faults import StorageDamaged
from mlreg_dagster.storage.warehouse.reader import WarehouseReader
from mlreg_dagster_tests.location import CONFIGS
from mlreg_dagster_tests.monitoring.alerts.receivers import WebReceiver

LIMITS = {"evaluation": {**CONFIGS["evaluation"], "min_anomaly_rate": 0.9}}


def told(location) -> str:
    return location.ask("alert_sensor").skip_message


@pytest.mark.slow
def test_alerts_begin_are_told_and_end(reopen):
    """Predictions are late until they are made; the share is out of its limits as long as these are narrow."""
    with WebReceiver(503, 200) as receiver:
        channels = {"notifications": {"channels": {"ops": {"kind": "webhook", "url": receiver.url}}}}
        assert "Changed: nothing" in told(reopen(configs=channels))
        later = "2026-01-02T12:30"
        said = told(reopen(later, channels))
        assert "predictions_late of predictions firing, outcomes_late of prediction_outcomes firing" in said
        assert "ops could not be reached: it answered with HTTP 503" in said
        assert len(receiver.requests) == 1
        assert told(reopen("2026-01-02T12:31", channels)).startswith("True now: 2. Changed: nothing. Delivered: 2.")
        reopen(later, channels).tick("catch_up_sensor")
        said = told(reopen("2026-01-02T12:40", {**channels, **LIMITS}))
        assert "flagged_share of v1 firing, predictions_late of predictions resolved" in said
        assert "flagged_share of v1 resolved" in told(reopen("2026-01-02T12:50", channels))
    happened = [(body["rule"], body["event"]) for body in receiver.taken.values()]
    assert happened == [
        ("predictions_late", "firing"),
        ("outcomes_late", "firing"),
        ("flagged_share", "firing"),
        ("predictions_late", "resolved"),
        ("outcomes_late", "resolved"),
        ("flagged_share", "resolved"),
    ]
    assert {body["owner"] for body in receiver.taken.values()} == {"team:mlreg"}


@pytest.mark.slow
def test_a_job_that_fails_is_an_alert_until_it_succeeds(reopen, broken_market):
    location = reopen(
        "2026-01-02T04:30", {"notifications": {"channels": {"ops": {"kind": "log"}}}}, source=broken_market
    )
    location.tick("catch_up_sensor")
    assert "run_failed of hourly firing" in told(location)
    (event,) = [each.event for each in location.world.registry.open_alerts() if each.event.rule == "run_failed"]
    assert event.message.startswith("Run ")
    assert "2026-01-02-0" in event.message


@pytest.mark.slow
def test_what_can_not_be_looked_at_changes_nothing(reopen, monkeypatch):
    assert "firing" in told(reopen("2026-01-02T12:30"))

    def damaged(_):
        raise StorageDamaged("the tables are damaged")

    monkeypatch.setattr(WarehouseReader, "tables", damaged)
    said = told(reopen("2026-01-02T12:31"))
    assert "Changed: nothing" in said
    assert "predictions_late, outcomes_late" in said
    assert "could not be looked at: the tables are damaged" in said


@pytest.mark.slow
def test_nothing_is_late_once_the_market_has_ended(reopen):
    ingest = yaml.safe_load((reopen().world.config_dir / "ingest.yaml").read_text())
    ended = {"ingest": {**ingest, "end": "2026-01-02T00:00"}}
    assert "True now: 0." in told(reopen("2026-03-02T12:30", ended))


def test_the_old_form_of_notifications_yaml_has_its_channels():
    assert set(all_channels(NotificationSettings())) == {"log"}
    assert set(all_channels(NotificationSettings(webhook_url="https://a.example/x"))) == {"log", "webhook_url"}


def test_who_gets_notices_gets_no_message_of_the_same():
    from mlreg_dagster.config import Settings
    from mlreg_dagster.monitoring.alerts.routing import routing_of

    old = routing_of(Settings(notifications=NotificationSettings(webhook_url="https://a.example/x")))
    assert old.channels_for("run_failed", "ticket", "a") == ()
    assert old.channels_for("disk_low", "page", "a") == ("webhook_url",)
    assert json.dumps(list(routing_of(Settings()).channels_for("disk_low", "page", "a"))) == '["log"]'
