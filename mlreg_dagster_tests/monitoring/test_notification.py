import logging
import socket

import pytest

from mlreg_dagster.config import NotificationSettings
from mlreg_dagster.monitoring import notification
from mlreg_dagster.monitoring.notification import LogNotifier, NotDelivered, Notice, WebhookNotifier, make_notifier
from mlreg_dagster_tests.monitoring.receiver import Receiver

NOTICE = Notice(job="hourly", run_id="abc", partition="2026-01-05-07:00", message="the source is silent … réally")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(notification, "WAIT_S", 0.0)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_webhook_gets_the_notice_as_json_once(status):
    with Receiver(status) as receiver:
        make_notifier(NotificationSettings(webhook_url=receiver.url)).notify(NOTICE)
    ((path, content_type, body),) = receiver.requests
    assert path == "/hooks/1"
    assert content_type == "application/json"
    text = body.pop("text")
    assert body == {
        "job": "hourly",
        "run_id": "abc",
        "partition": "2026-01-05-07:00",
        "message": "the source is silent … réally",
        "check": None,
    }
    assert all(word in text for word in ("hourly", "2026-01-05-07:00", "the source is silent"))


def test_a_run_without_a_partition_says_so():
    with Receiver(200) as receiver:
        WebhookNotifier(receiver.url).notify(Notice("promote", "abc", None, "no"))
    ((_, _, body),) = receiver.requests
    assert body["partition"] is None
    assert "no partition" in body["text"]


@pytest.mark.parametrize("status", [500, 503, 404, 301])
def test_a_refusal_is_told_after_several_attempts(status):
    with Receiver(status) as receiver, pytest.raises(NotDelivered, match=rf"notifications\.yaml.*{status}"):
        WebhookNotifier(receiver.url).notify(NOTICE)
    assert len(receiver.requests) == notification.ATTEMPTS


def test_a_receiver_that_recovers_gets_the_notice():
    with Receiver(500, 200) as receiver:
        WebhookNotifier(receiver.url).notify(NOTICE)
    assert [body["run_id"] for _, _, body in receiver.requests] == ["abc", "abc"]


def test_nobody_at_home():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening: a connection is refused
        with pytest.raises(NotDelivered, match="refused"):
            WebhookNotifier(f"http://127.0.0.1:{taken.getsockname()[1]}/").notify(NOTICE)


def test_a_receiver_that_never_answers(monkeypatch):
    monkeypatch.setattr(notification, "TIMEOUT_S", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(NotDelivered, match="timed out"):
            WebhookNotifier(f"http://127.0.0.1:{silent.getsockname()[1]}/").notify(NOTICE)


@pytest.mark.parametrize("url", ["http://", "http://[nowhere", "https://host:port"])
def test_an_address_that_is_none(url):
    with pytest.raises(NotDelivered, match=r"notifications\.yaml"):
        make_notifier(NotificationSettings(webhook_url=url)).notify(NOTICE)


def test_five_failures_at_once_stay_within_the_minute_of_a_sensor():
    attempts = notification.ATTEMPTS
    assert 5 * (attempts * notification.TIMEOUT_S + (attempts - 1) * 1.0) <= 60


def test_without_a_webhook_the_log_is_told(caplog):
    make_notifier(NotificationSettings()).notify(NOTICE)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.name.startswith("mlreg_dagster")
    for part in ("hourly", "abc", "2026-01-05-07:00", "the source is silent … réally"):
        assert part in record.getMessage()


def test_the_log_does_without_a_partition(caplog):
    LogNotifier().notify(Notice("promote", "abc", None, "no"))
    assert caplog.messages == ["Run abc of job promote failed: no"]
