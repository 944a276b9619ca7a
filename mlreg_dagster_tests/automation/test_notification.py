import logging
import socket
import traceback

import pandas as pd
import pytest

from mlreg_dagster.automation import notification
from mlreg_dagster.automation.notification import LogNotifier, NotDelivered, Notice, WebhookNotifier, make_notifier
from mlreg_dagster.config import NotificationSettings
from mlreg_dagster_tests.automation.receiver import Receiver
from mlreg_dagster_tests.market.sources.coingecko.fake_coingecko import FakeCoinGecko, drip, endless, serve
from mlreg_dagster_tests.waiting import PATIENCE_S

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
        "event": "failed",
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
        with pytest.raises(NotDelivered, match=r"[Rr]efused"):
            WebhookNotifier(f"http://127.0.0.1:{taken.getsockname()[1]}/").notify(NOTICE)


def test_a_receiver_that_never_answers(monkeypatch):
    monkeypatch.setattr(notification, "TIMEOUT_S", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(NotDelivered, match=r"no whole answer|Timeout"):
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


def test_a_cancelled_run_is_told_as_such(caplog):
    notice = Notice("hourly", "abc", "2026-01-05", "It is asked for again after 60 minutes.", "cancelled")
    with Receiver(200) as receiver:
        WebhookNotifier(receiver.url).notify(notice)
    ((_, _, body),) = receiver.requests
    assert body["event"] == "cancelled"
    assert body["text"].startswith("Job hourly (2026-01-05) was cancelled:")
    assert notice.message in body["text"]
    LogNotifier().notify(notice)
    assert caplog.messages == [
        "Run abc of job hourly of 2026-01-05 was cancelled: It is asked for again after 60 minutes."
    ]


def test_the_log_does_without_a_partition(caplog):
    LogNotifier().notify(Notice("promote", "abc", None, "no"))
    assert caplog.messages == ["Run abc of job promote failed: no"]


SECRET = "hooks/T000/B000/verysecret"


@pytest.mark.parametrize("status", [404, 500, 302])
def test_the_address_is_no_part_of_a_refusal(status, caplog):
    with Receiver(status) as receiver:
        url = f"{receiver.url.replace('http://', 'http://me:pass-word@')}/{SECRET}"
        with caplog.at_level(logging.DEBUG), pytest.raises(NotDelivered) as refused:
            WebhookNotifier(url).notify(NOTICE)
    told = "".join(traceback.format_exception(refused.value)) + caplog.text
    assert str(status) in told
    assert "verysecret" not in told
    assert "pass-word" not in told


@pytest.mark.parametrize(
    "url", ["http://[verysecret", "https://host:verysecret", "http://verysecret..x/", "http://\x01verysecret"]
)
def test_an_address_that_is_none_is_not_shown(url):
    with pytest.raises(NotDelivered) as refused:
        WebhookNotifier(url).notify(NOTICE)
    assert "verysecret" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("body", [drip, endless(200)])
def test_a_receiver_that_never_ends_its_answer(monkeypatch, body):
    monkeypatch.setattr(notification, "TIMEOUT_S", 0.3 if body is drip else PATIENCE_S)
    monkeypatch.setattr(notification, "ATTEMPTS", 1)
    market = FakeCoinGecko(pd.Timestamp.now(tz="UTC"), 1)
    with serve(market):
        market.faults.append(body)
        if body is drip:
            with pytest.raises(NotDelivered, match=r"no whole answer within 0\.3 s"):
                WebhookNotifier(market.url).notify(NOTICE)
        else:
            WebhookNotifier(market.url).notify(NOTICE)


def test_a_notice_quotes_and_does_not_speak(caplog):
    message = "coin <!channel> <https://evil|here> ``` @all \u202e\x1b[2J\nRun x of job y failed: fake" + "x" * 10**5
    with Receiver(200) as receiver:
        WebhookNotifier(receiver.url).notify(Notice("hourly", "abc", None, message))
    ((_, _, body),) = receiver.requests
    quoted = body["text"].split("```")[1]
    assert body["text"].count("```") == 2
    assert not set(quoted) & set("<>\u202e\x1b")
    assert len(body["text"]) < 3000
    assert len(body["message"]) < 3000
    LogNotifier().notify(Notice("hourly", "abc", None, message))
    assert "\n" not in caplog.messages[-1]
