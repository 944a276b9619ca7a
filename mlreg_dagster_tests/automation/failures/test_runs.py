"""Runs that fail: people are told which and why."""

import pytest

from mlreg_dagster.automation import notification
from mlreg_dagster.orchestration import retries
from mlreg_dagster_tests.automation.failing import NOT_TRAINABLE, SilentMarket
from mlreg_dagster_tests.automation.receiver import Receiver
from mlreg_dagster_tests.location import Location

pytestmark = pytest.mark.slow


def notices(location: Location, fail, receiver: Receiver) -> list[dict]:
    """What the receiver is told of one failure; nothing of those before the sensor was on."""
    cursor = location.ask("failure_sensor").cursor
    fail()
    location.ask("failure_sensor", cursor)
    return [body for _, _, body in receiver.requests]


def test_people_are_told_which_run_failed_and_why(reopen, broken_market):
    with Receiver(200) as receiver:
        webhook = {"notifications": {"webhook_url": receiver.url}}
        location = reopen("2026-01-02T04:30", webhook, source=broken_market)
        (notice,) = notices(location, lambda: location.tick("catch_up_sensor"), receiver)
    assert notice["job"] == "hourly"
    assert notice["partition"] == "2026-01-02-00:00...2026-01-02-03:00"
    assert notice["run_id"] == location.instance.get_runs(limit=1)[0].run_id
    assert notice["message"] == "the payload of coin 7 lacks its price"


def test_the_reason_is_told_after_the_last_retry(reopen, monkeypatch):
    monkeypatch.setattr(retries, "WAIT_S", 0)
    settings = reopen().world.settings.ingest
    with Receiver(200) as receiver:
        webhook = {"notifications": {"webhook_url": receiver.url}}
        source = SilentMarket(settings.simulated, settings.universe)
        location = reopen("2026-01-02T04:30", webhook, source=source)
        (notice,) = notices(location, lambda: location.tick("catch_up_sensor"), receiver)
    assert "the payload of coin 7 lacks its price" in notice["message"]


def test_a_failed_training_names_its_version(reopen):
    with Receiver(200) as receiver:
        location = reopen(configs={**NOT_TRAINABLE, "notifications": {"webhook_url": receiver.url}})
        (notice,) = notices(location, lambda: location.tick("retrain_sensor"), receiver)
    assert (notice["job"], notice["partition"]) == ("retrain", "v2")
    assert "n_neighbors" in notice["message"]


def test_a_notice_that_can_t_be_delivered_is_in_the_log_and_the_sensor_fails(reopen, monkeypatch, caplog):
    monkeypatch.setattr(notification, "WAIT_S", 0.0)
    with Receiver(500) as receiver:
        location = reopen(configs={**NOT_TRAINABLE, "notifications": {"webhook_url": receiver.url}})
        cursor = location.ask("failure_sensor").cursor
        location.tick("retrain_sensor")
        (reaction,) = location.ask("failure_sensor", cursor).dagster_run_reactions
    assert "did not take the notice" in reaction.error.to_string()
    assert any("job retrain of v2 failed" in message for message in caplog.messages)


def test_without_a_webhook_the_log_is_told(reopen, caplog):
    location = reopen(configs=NOT_TRAINABLE)
    cursor = location.ask("failure_sensor").cursor
    location.tick("retrain_sensor")
    location.ask("failure_sensor", cursor)
    assert any("job retrain of v2 failed" in message for message in caplog.messages)
