"""The channels that notifications.yaml names; that of a plug-in's notifier is made in `automation`."""

from mlreg_dagster.config import ChannelSettings, NotificationSettings
from mlreg_dagster.monitoring.alerts.channels.base import Channel
from mlreg_dagster.monitoring.alerts.channels.log import LogChannel
from mlreg_dagster.monitoring.alerts.channels.mail import MailChannel
from mlreg_dagster.monitoring.alerts.channels.web import PAGERDUTY_URL, WebChannel, pagerduty, plain, slack
from mlreg_dagster.monitoring.alerts.routing import LOG, WEBHOOK


def make_channels(settings: NotificationSettings) -> dict[str, Channel]:
    """Each channel by its name; the log and the webhook of the notices are among them."""
    old: dict[str, Channel] = {LOG: LogChannel()}
    if settings.webhook_url:
        old[WEBHOOK] = WebChannel(plain, settings.webhook_url)
    return old | {name: _channel(each) for name, each in settings.channels.items()}


def _channel(settings: ChannelSettings) -> Channel:
    if settings.kind == "log":
        return LogChannel()
    if settings.kind == "email":
        return MailChannel(settings)
    if settings.kind == "pagerduty":
        return WebChannel(pagerduty(settings.key_variable or ""), settings.url or PAGERDUTY_URL)
    return WebChannel(slack if settings.kind == "slack" else plain, settings.url, settings.url_variable)
