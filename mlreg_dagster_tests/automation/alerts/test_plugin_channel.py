"""Alerts through a plug-in's notifier: one notice a message, and what it can't deliver stays in the outbox."""

import pytest

from mlreg_dagster.automation.alerts.plugin_channel import NotifierChannel, all_channels
from mlreg_dagster.automation.notification import NotDelivered, Notice
from mlreg_dagster.config import ConfigError, NotificationSettings
from mlreg_dagster.extensions import isolated, notifier
from mlreg_dagster.monitoring.alerts.channels.base import ChannelUnavailable
from mlreg_dagster_tests.monitoring.alerts.test_channels import message


class Notifier:
    def __init__(self, problem: Exception | None = None) -> None:
        self.problem, self.notices = problem, []

    def notify(self, notice: Notice) -> None:
        if self.problem:
            raise self.problem
        self.notices.append(notice)


def test_a_plug_ins_notifier_gets_alerts_as_notices():
    notifier = Notifier()
    NotifierChannel(notifier).deliver(message("resolved", 2))
    (notice,) = notifier.notices
    assert (notice.job, notice.run_id, notice.partition, notice.event) == (
        "alert drift_watch", "key-2", "features", "resolved",
    )  # fmt: skip
    assert "volume drifts" in notice.message


def test_what_was_not_delivered_is_tried_again():
    with pytest.raises(ChannelUnavailable, match="no answer"):
        NotifierChannel(Notifier(NotDelivered("no answer"))).deliver(message())


def test_the_notifier_is_a_channel_beside_the_others_where_it_is_named():
    with isolated():
        notifier("recorder")(Notifier)
        found = all_channels(NotificationSettings(notifier="recorder", webhook_url="https://a.example/x"))
    assert set(found) == {"log", "webhook_url", "notifier"}
    found["notifier"].deliver(message())
    assert len(found["notifier"].notifier.notifier.notices) == 1
    assert "notifier" not in all_channels(NotificationSettings(webhook_url="https://a.example/x"))


def test_a_notifier_that_nothing_registers_is_refused():
    with pytest.raises(ConfigError, match="there is no notifier 'recorder'"):
        all_channels(NotificationSettings(notifier="recorder"))
