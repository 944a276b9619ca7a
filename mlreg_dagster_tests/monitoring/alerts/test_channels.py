"""What each channel sends, and how it says that it could not."""

import logging
import socket

import pytest

from mlreg_dagster.config import NotificationSettings
from mlreg_dagster.config.section import ConfigError, validated
from mlreg_dagster.monitoring.alerts.channels import mail as mail_module
from mlreg_dagster.monitoring.alerts.channels import web as web_module
from mlreg_dagster.monitoring.alerts.channels.base import ChannelUnavailable, MessageRefused
from mlreg_dagster.monitoring.alerts.channels.making import make_channels
from mlreg_dagster.registry import AlertEvent, OutboxMessage
from mlreg_dagster_tests.monitoring.alerts.builders import HOUR, NOW
from mlreg_dagster_tests.monitoring.alerts.receivers import Mailbox, WebReceiver, mail_server

MAIL = {
    "kind": "email",
    "host": "127.0.0.1",
    "sender": "mlreg@example.org",
    "to": ["anna@example.org"],
    "starttls": False,
}


def message(kind: str = "firing", sequence: int = 1, **more) -> OutboxMessage:
    values = {"rule": "drift_watch", "subject": "features", "severity": "ticket", "owner": "team:mlreg"}
    values |= {
        "message": "volume drifts … réally <@here> *now*",
        "runbook": "Alert drift_watch",
        "reason": "a look",
    } | more
    event = AlertEvent(
        id=7, fingerprint="ab" * 32, sequence=sequence, event=kind, onset=NOW, actor="anna",
        recorded_at=NOW + HOUR, run_id=None, **values,
    )  # fmt: skip
    return OutboxMessage(3, event, "ops", f"key-{sequence}", 0, None, "", None)


def channel(**settings):
    checked = validated(NotificationSettings, {"channels": {"ops": settings}}, "notifications.yaml")
    return make_channels(checked)["ops"]


def test_a_webhook_gets_the_facts_and_a_text():
    with WebReceiver() as receiver:
        channel(kind="webhook", url=receiver.url).deliver(message())
    ((key, body),) = receiver.requests
    assert key == body["key"] == "key-1"
    assert body["fingerprint"] == "ab" * 32
    facts = ("event", "state", "rule", "subject", "severity", "owner", "onset")
    assert [body[name] for name in facts] == [
        "firing", "firing", "drift_watch", "features", "ticket", "team:mlreg", "2026-03-01T12:00:00+00:00",
    ]  # fmt: skip
    assert "[ticket] drift_watch of features began" in body["text"]
    assert "mlreg alerts ack abababab" in body["text"]
    assert "Alert drift_watch (mlreg runbook)" in body["text"]


def test_slack_finds_no_markup_of_others():
    with WebReceiver() as receiver:
        channel(kind="slack", url=receiver.url).deliver(message(subject="a <!channel> b"))
    ((_, body),) = receiver.requests
    assert body["text"] == "[ticket] drift_watch of a &lt;!channel&gt; b began"
    heading, quotation, details = body["blocks"]
    assert heading["text"]["type"] == "plain_text"
    assert "<@here>" not in quotation["text"]["text"]
    assert all(len(each["text"]) < 2000 for each in details["fields"])
    assert len(details["fields"]) <= 10


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("firing", "trigger"),
        ("escalated", "trigger"),
        ("reminded", "trigger"),
        ("acknowledged", "acknowledge"),
        ("resolved", "resolve"),
    ],
)
def test_pagerduty_follows_the_state_of_an_alert_by_its_fingerprint(monkeypatch, kind, action):
    monkeypatch.setenv("PAGER_KEY", "0123456789abcdef")
    with WebReceiver(202) as receiver:
        channel(kind="pagerduty", url=receiver.url, key_variable="PAGER_KEY").deliver(message(kind, severity="page"))
    ((_, body),) = receiver.requests
    assert (body["event_action"], body["dedup_key"], body["routing_key"]) == (action, "ab" * 32, "0123456789abcdef")
    assert ("payload" in body) == (action == "trigger")
    if action == "trigger":
        assert body["payload"]["severity"] == "critical"
        assert body["payload"]["summary"].startswith("[page] drift_watch of features")


@pytest.mark.parametrize(("status", "error"), [
    (500, ChannelUnavailable), (503, ChannelUnavailable), (429, ChannelUnavailable), (408, ChannelUnavailable),
    (400, MessageRefused), (404, MessageRefused), (301, MessageRefused),
])  # fmt: skip
def test_a_web_receiver_that_takes_nothing(status, error):
    with WebReceiver(status) as receiver, pytest.raises(error, match=f"HTTP {status}") as raised:
        channel(kind="webhook", url=receiver.url).deliver(message())
    assert "secret-part" not in str(raised.value)


def test_a_web_receiver_that_is_not_there(monkeypatch):
    monkeypatch.setenv("HOOK", "http://127.0.0.1:9/secret-part")
    with pytest.raises(ChannelUnavailable) as raised:
        channel(kind="slack", url_variable="HOOK").deliver(message())
    assert "secret-part" not in str(raised.value)


def test_a_web_receiver_that_never_answers(monkeypatch):
    monkeypatch.setattr(web_module, "TIMEOUT_S", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(ChannelUnavailable, match=r"no whole answer|Timeout"):
            channel(kind="webhook", url=f"http://127.0.0.1:{silent.getsockname()[1]}/").deliver(message())


def test_a_variable_that_is_not_set_is_named(monkeypatch):
    monkeypatch.delenv("HOOK", raising=False)
    with pytest.raises(ChannelUnavailable, match="HOOK is not set"):
        channel(kind="webhook", url_variable="HOOK").deliver(message())


def test_mails_about_an_alert_are_a_thread():
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        for sequence, kind in enumerate(("firing", "resolved"), start=1):
            channel(**MAIL, port=port).deliver(message(kind, sequence))
    first, last = mailbox.mails
    assert (first["Message-ID"], last["Message-ID"]) == ("<key-1@example.org>", "<key-2@example.org>")
    assert first["References"] is None
    assert last["References"].endswith("@example.org>")
    assert (first["From"], first["To"]) == ("mlreg@example.org", "anna@example.org")
    assert last["Subject"] == "[ticket] drift_watch of features is over"
    assert "réally" in first.get_content()


@pytest.mark.parametrize(
    ("reply", "error"), [("451 try later", ChannelUnavailable), ("554 it looks like spam", MessageRefused)]
)
def test_a_mail_server_that_takes_nothing(reply, error):
    with mail_server(Mailbox(reply)) as port, pytest.raises(error, match=reply):
        channel(**MAIL, port=port).deliver(message())


def test_a_mail_server_that_offers_no_encryption_gets_no_mail():
    mailbox = Mailbox()
    with mail_server(mailbox) as port, pytest.raises(ChannelUnavailable, match="STARTTLS"):
        channel(**{**MAIL, "starttls": True}, port=port).deliver(message())
    assert mailbox.tried == 0


def test_a_password_that_is_wrong_is_not_shown(monkeypatch):
    from aiosmtpd.smtp import AuthResult

    monkeypatch.setenv("MAIL_PASSWORD", "correct horse")
    seen = []

    def authenticator(server, session, envelope, mechanism, data):  # noqa: ARG001
        seen.append(data)
        return AuthResult(success=False, handled=False)

    settings = {**MAIL, "user": "mlreg", "password_variable": "MAIL_PASSWORD"}
    options = {"authenticator": authenticator, "auth_require_tls": False}
    with (
        mail_server(Mailbox(), **options) as port,
        pytest.raises(ChannelUnavailable, match="did not let mlreg in") as raised,
    ):
        channel(**settings, port=port).deliver(message())
    assert seen
    assert "correct horse" not in repr(raised.value)


def test_a_mail_server_that_never_answers(monkeypatch):
    monkeypatch.setattr(mail_module, "TIMEOUT_S", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(ChannelUnavailable, match="imed"):
            channel(**MAIL, port=silent.getsockname()[1]).deliver(message())


def test_a_subject_with_a_line_end_is_no_header_of_its_own():
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        channel(**MAIL, port=port).deliver(message(subject="x\r\nBcc: eve@example.org"))
    assert mailbox.mails[0]["Bcc"] is None


def test_the_log_takes_every_message(caplog):
    with caplog.at_level(logging.INFO):
        channel(kind="log").deliver(message())
        channel(kind="log").deliver(message("resolved"))
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "[ticket] drift_watch of features began" in caplog.text
    assert all("\n" not in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(("settings", "says"), [
    ({"kind": "webhook"}, "kind webhook needs url or url_variable"),
    ({"kind": "webhook", "url": "https://a.example/x", "url_variable": "X"}, "needs url or url_variable"),
    ({"kind": "email", "sender": "a@b.org", "to": ["a@b.org"]}, "kind email needs host"),
    ({"kind": "log", "host": "mail"}, "kind log does not take host"),
    ({"kind": "email", **{name: MAIL[name] for name in ("host", "sender", "to")}, "user": "a"}, "go together"),
    ({"kind": "pigeon"}, "channels.ops.kind"),
    ({"kind": "log", "severities": []}, "channels.ops.severities"),
    ({"kind": "log", "seventies": ["page"]}, "seventies: unknown key"),
])  # fmt: skip
def test_settings_that_can_not_be_meant(settings, says):
    with pytest.raises(ConfigError, match=says):
        channel(**settings)
