"""Every message is delivered until it is taken; no kill loses one, and repeated ones carry the same key."""

import multiprocessing
from datetime import timedelta

import pytest

from mlreg_dagster.config import ChannelSettings
from mlreg_dagster.monitoring.alerts.channels.base import ChannelUnavailable, MessageRefused
from mlreg_dagster.monitoring.alerts.channels.mail import MailChannel
from mlreg_dagster.monitoring.alerts.channels.web import WebChannel, plain
from mlreg_dagster.monitoring.alerts.outbox import deliver
from mlreg_dagster.monitoring.alerts.routing import Route, Routing
from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.monitoring.alerts import dying
from mlreg_dagster_tests.monitoring.alerts.builders import HOUR, NOW, alert, look
from mlreg_dagster_tests.monitoring.alerts.receivers import Mailbox, WebReceiver, mail_server
from mlreg_dagster_tests.waiting import PATIENCE_S

ONE = Routing({"a": Route(("info", "ticket", "page"))}, {}, "anna")
MINUTE = timedelta(minutes=1)


class Recording:
    """A channel in this process: takes messages, or raises what it is told to."""

    def __init__(self, *problems: Exception | None) -> None:
        self.problems = list(problems)
        self.taken: list[str] = []
        self.keys: list[str] = []

    def deliver(self, message) -> None:
        self.keys.append(message.key)
        if self.problems and (problem := self.problems.pop(0)):
            raise problem
        self.taken.append(f"{message.event.subject} {message.event.event}")


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(f"sqlite:///{tmp_path}/registry.db")


def at(registry, channels, now):
    return deliver(registry, channels, lambda: now)


def test_what_is_taken_is_not_sent_again(registry):
    look(registry, alert(), routing=ONE)
    channel = Recording()
    assert at(registry, {"a": channel}, NOW).delivered == 1
    assert at(registry, {"a": channel}, NOW + HOUR).delivered == 0
    assert channel.taken == ["features firing"]


def test_a_channel_that_is_down_is_tried_again_after_growing_pauses_and_alone(registry):
    look(
        registry,
        alert(subject="x"),
        alert(subject="y"),
        routing=Routing({"a": ONE.routes["a"], "b": ONE.routes["a"]}, {}, "o"),
    )
    down, up = Recording(*[ChannelUnavailable("no answer")] * 3), Recording()
    tried = []
    for minutes in range(10):
        report = at(registry, {"a": down, "b": up}, NOW + minutes * MINUTE)
        tried.append(len(down.keys))
        assert not report.problems or report.problems == ["a could not be reached: no answer"]
    assert tried == [1, 2, 2, 3, 3, 3, 3, 5, 5, 5]  # after 1, 2 and 4 minutes; then both pass
    assert down.taken == up.taken == ["x firing", "y firing"]
    assert len(set(down.keys)) == 2


def test_a_message_that_is_refused_holds_up_its_own_alert_alone(registry):
    look(registry, alert(subject="x"), alert(subject="y"), routing=ONE)
    look(registry, alert(subject="y"), now=NOW + MINUTE, routing=ONE)
    channel = Recording(MessageRefused("HTTP 400"))
    report = at(registry, {"a": channel}, NOW + MINUTE)
    assert channel.taken == ["y firing"]  # and not the end of x before its beginning
    assert (report.delivered, report.waiting) == (1, 2)
    at(registry, {"a": channel}, NOW + 3 * MINUTE)
    assert channel.taken == ["y firing", "x firing", "x resolved"]


def test_a_clock_that_is_put_back_holds_nothing_up(registry):
    look(registry, alert(), routing=ONE)
    channel = Recording(ChannelUnavailable("no answer"))
    at(registry, {"a": channel}, NOW + 999 * HOUR)
    assert at(registry, {"a": channel}, NOW).delivered == 1


def test_messages_to_a_channel_that_is_not_there_wait(registry):
    look(registry, alert(), routing=ONE)
    assert at(registry, {}, NOW).waiting == 1
    assert at(registry, {"a": Recording()}, NOW).delivered == 1


def test_a_round_ends_when_its_time_is_over(registry):
    look(registry, alert(), routing=ONE)
    channel = Recording()
    assert deliver(registry, {"a": channel}, lambda: NOW, budget_s=-1).waiting == 1
    assert channel.keys == []


def rounds(registry, channel, now=NOW):
    for minutes in (0, 2, 10, 40):
        at(registry, {"a": channel}, now + minutes * MINUTE)


@pytest.mark.parametrize("statuses", [(200,), (500, 200), (500, 503, 429, 200)])
def test_a_web_receiver_is_told_once_of_a_beginning_and_once_of_an_end(registry, statuses):
    with WebReceiver(*statuses) as receiver:
        channel = WebChannel(plain, receiver.url)
        look(registry, alert(), routing=ONE)
        rounds(registry, channel)
        look(registry, now=NOW + HOUR, routing=ONE)
        rounds(registry, channel, NOW + HOUR)
    assert receiver.events() == ["firing", "resolved"]
    assert len(receiver.requests) == len(statuses) + 1  # once each, and again after each error
    assert registry.undelivered_messages() == []


@pytest.mark.parametrize("replies", [("250 OK",), ("451 try later", "250 OK")])
def test_a_mailbox_is_told_once_of_a_beginning_and_once_of_an_end(registry, replies):
    mailbox = Mailbox(*replies)
    with mail_server(mailbox) as port:
        settings = {"kind": "email", "host": "127.0.0.1", "port": port, "sender": "m@e.org", "to": ("a@e.org",)}
        channel = MailChannel(ChannelSettings(**settings, starttls=False))
        look(registry, alert(), routing=ONE)
        rounds(registry, channel)
        look(registry, now=NOW + HOUR, routing=ONE)
        rounds(registry, channel, NOW + HOUR)
    assert [mail["Subject"].rpartition(" features ")[2] for mail in mailbox.mails] == ["began", "is over"]
    assert mailbox.tried == len(replies) + 1


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", dying.STEPS)
def test_a_death_at_any_step_neither_loses_nor_doubles_a_message(tmp_path, step, monkeypatch):
    """Within this process: whatever was under way is gone."""
    url = f"sqlite:///{tmp_path}/registry.db"

    def die() -> None:
        raise Killed

    with WebReceiver() as receiver:
        for kind in ("firing", "resolved"):
            with monkeypatch.context() as patched, pytest.raises(Killed):
                dying.sensor(url, receiver.url, kind, step, die, patched.setattr)
            dying.sensor(url, receiver.url, kind)
    assert receiver.events() == ["firing", "resolved"]
    assert len(receiver.requests) == (4 if step == "sent" else 2)
    assert Registry(url).find_tampering() is None
    assert Registry(url).undelivered_messages() == []


def exit_code(*arguments: str) -> int | None:
    """Of a process that does what the sensor does."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([dying.__name__])
    process = forks.Process(target=dying.sensor_in_a_process, args=arguments)
    process.start()
    process.join(PATIENCE_S)
    return process.exitcode


@pytest.mark.slow
@pytest.mark.parametrize("step", dying.STEPS)
def test_a_killed_process_neither_loses_nor_doubles_a_message(tmp_path, step):
    url = f"sqlite:///{tmp_path}/registry.db"
    with WebReceiver() as receiver:
        for kind in ("firing", "resolved"):
            assert exit_code(url, receiver.url, kind, step) == -9
            assert exit_code(url, receiver.url, kind) == 0
    assert receiver.events() == ["firing", "resolved"]
    assert Registry(url).find_tampering() is None
    assert Registry(url).undelivered_messages() == []
