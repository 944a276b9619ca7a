"""Who is told of an alert: which channels there are by notifications.yaml, and which of them take it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mlreg_dagster.config import ChannelSettings, Settings
from mlreg_dagster.monitoring.alerts.rules import RULES
from mlreg_dagster.registry import Severity

WEBHOOK = "webhook_url"
NOTIFIER = "notifier"
LOG = "log"
"""The names of the channels that notices have, and that alerts take where `channels` names none."""


@dataclass(frozen=True)
class Route:
    """A channel as far as it matters who is told.

    Attributes:
        severities: Of the alerts that go there.
        owners: Only alerts of these; empty: of any.
        gets_notices: Whether notices of runs and checks go there, too.
        keeps_state: Whether it follows acknowledgements.
    """

    severities: Collection[Severity]
    owners: Collection[str] = ()
    gets_notices: bool = False
    keeps_state: bool = False


@dataclass(frozen=True)
class Routing:
    """Every channel by its name, and who is to act.

    Attributes:
        routes: By the channel's name.
        owners: By the rule's name.
        owner: For all other rules.
    """

    routes: Mapping[str, Route]
    owners: Mapping[str, str]
    owner: str

    def owner_of(self, rule: str, named: str = "") -> str:
        """Who is to act on an alert: by notifications.yaml, else who the alert names, else the use case's owner."""
        return self.owners.get(rule) or named or self.owner

    def channels_for(self, rule: str, severity: Severity, owner: str) -> tuple[str, ...]:
        """The channels that get a message of an alert."""
        return tuple(
            name
            for name, route in self.routes.items()
            if severity in route.severities
            and (not route.owners or owner in route.owners)
            and not (route.gets_notices and RULES[rule].in_notices)
        )

    def known(self, names: Collection[str]) -> tuple[str, ...]:
        """Those of the channels that there still are."""
        return tuple(name for name in self.routes if name in names)

    def following(self, names: Collection[str]) -> tuple[str, ...]:
        """Those of the channels that follow acknowledgements."""
        return tuple(name for name in self.known(names) if self.routes[name].keeps_state)


def routing_of(settings: Settings) -> Routing:
    """The routing of notifications.yaml: its `channels`, and the webhook or notifier that gets the notices.

    Where it names none of them, alerts go to the log of the daemon, as notices do.
    """
    notifications = settings.notifications
    routes = {name: _route(channel) for name, channel in notifications.channels.items()}
    old = Route(("info", "ticket", "page"), gets_notices=True)
    if notifications.notifier:
        routes.setdefault(NOTIFIER, old)
    elif notifications.webhook_url:
        routes.setdefault(WEBHOOK, old)
    elif not routes:
        routes[LOG] = old
    return Routing(routes, notifications.owners, settings.use_case.owner)


def _route(channel: ChannelSettings) -> Route:
    return Route(channel.severities, channel.owners, keeps_state=channel.kind == "pagerduty")
