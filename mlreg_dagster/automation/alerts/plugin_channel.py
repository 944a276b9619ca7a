"""Alerts through a plug-in's notifier: each message is a notice to it."""

from mlreg_dagster.automation.notification import NotDelivered, Notice, Notifier, make_notifier
from mlreg_dagster.config import NotificationSettings
from mlreg_dagster.monitoring.alerts.channels.base import Channel, ChannelUnavailable
from mlreg_dagster.monitoring.alerts.channels.making import make_channels
from mlreg_dagster.monitoring.alerts.routing import NOTIFIER
from mlreg_dagster.monitoring.alerts.wording import body
from mlreg_dagster.registry import OutboxMessage


class NotifierChannel:
    """Hands messages on as notices: the rule as the job, the key as the run, the subject as the partition.

    Args:
        notifier: Of a plug-in.
    """

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier

    def deliver(self, message: OutboxMessage) -> None:
        """Have the notifier deliver it once; see `Channel`."""
        event = message.event
        notice = Notice(f"alert {event.rule}", message.key, event.subject, body(event), event=event.event)
        try:
            self.notifier.notify(notice)
        except NotDelivered as error:
            raise ChannelUnavailable(str(error)) from None


def all_channels(settings: NotificationSettings) -> dict[str, Channel]:
    """Each channel of notifications.yaml by its name, that of a plug-in's notifier among them.

    Raises:
        ConfigError: No plug-in registers the notifier, or it does not take the parameters.
    """
    own: dict[str, Channel] = {NOTIFIER: NotifierChannel(make_notifier(settings))} if settings.notifier else {}
    return own | make_channels(settings)
