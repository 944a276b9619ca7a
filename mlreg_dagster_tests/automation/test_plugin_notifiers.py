"""Notifiers of plug-ins, and the contract that those of the package keep, too."""

import pytest

from mlreg_dagster.automation.notification import NotDelivered, Notice, WebhookNotifier, make_notifier
from mlreg_dagster.config import ConfigError, NotificationSettings
from mlreg_dagster.extensions import isolated, notifier
from mlreg_dagster.testing import NotifierContract
from mlreg_dagster_tests.automation.receiver import Receiver


class TestWebhook(NotifierContract):
    @pytest.fixture(autouse=True)
    def _receiver(self, monkeypatch):
        monkeypatch.setattr("mlreg_dagster.automation.notification.WAIT_S", 0.0)
        with Receiver(200) as self.receiver:
            yield

    def make_notifier(self):
        return WebhookNotifier(self.receiver.url)

    def delivered(self):
        return [body for _, _, body in self.receiver.requests]


class Recorder:
    """A plug-in's notifier that keeps what it gets, or raises."""

    def __init__(self, team: str, key: str = "") -> None:
        self.team, self.key, self.got = team, key, []

    def notify(self, notice: Notice) -> None:
        if self.key:
            raise ConnectionError(f"https://pager/{self.key} refused")
        self.got.append(notice)


@pytest.fixture
def recorder():
    with isolated():
        notifier("recorder")(Recorder)
        yield


@pytest.mark.usefixtures("recorder")
def test_a_plug_in_delivers_instead_of_the_webhook():
    made = make_notifier(NotificationSettings(webhook_url="http://x", notifier="recorder", params={"team": "data"}))
    notice = Notice("hourly", "run-1", None, "it failed")
    made.notify(notice)
    assert (made.notifier.team, made.notifier.got) == ("data", [notice])


@pytest.mark.usefixtures("recorder")
def test_what_a_plug_in_raises_is_not_delivered_and_shows_no_secret():
    made = make_notifier(NotificationSettings(notifier="recorder", params={"team": "data", "key": "s3cret"}))
    with pytest.raises(NotDelivered) as error:
        made.notify(Notice("hourly", "run-1", None, "it failed"))
    assert str(error.value) == (
        "The notifier recorder of mlreg_dagster_tests unknown did not deliver the notice: it raised ConnectionError."
    )
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


@pytest.mark.usefixtures("recorder")
def test_parameters_that_a_plug_in_does_not_take_are_named_without_their_values():
    with pytest.raises(ConfigError, match=r"notifications.yaml: params: recorder of .* does not take team, token\.$"):
        make_notifier(NotificationSettings(notifier="recorder", params={"team": "data", "token": "s3cret"}))


def test_a_notifier_that_nothing_registers_is_refused():
    with pytest.raises(ConfigError, match="notifier: there is no notifier 'recorder'; allowed are none, as no plug-in"):
        make_notifier(NotificationSettings(notifier="recorder"))
