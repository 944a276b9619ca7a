"""Delivers the messages of the outbox until each is taken.

A message is delivered at least once: a process that dies after a delivery and before it is on record delivers it
again, with the same key, by which a receiver tells it. Messages of one alert arrive in their order.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mlreg_dagster.monitoring.alerts.channels.base import Channel, ChannelUnavailable, MessageRefused
from mlreg_dagster.registry import OutboxMessage, Registry

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = {"unavailable": timedelta(hours=1), "refused": timedelta(hours=24)}
BUDGET_S = 20.0
"""Dagster gives a tick of a sensor a minute."""


@dataclass
class Delivery:
    """The result of a round.

    Attributes:
        delivered: How many messages were taken.
        waiting: How many were not, tried or not.
        problems: Why, one sentence a channel or message.
    """

    delivered: int = 0
    waiting: int = 0
    problems: list[str] = field(default_factory=list)


def deliver(
    registry: Registry, channels: Mapping[str, Channel], now: Callable[[], datetime], budget_s: float = BUDGET_S
) -> Delivery:
    """Try each message of the outbox that is due, the oldest one first.

    A channel that can't be reached is left alone until its pause is over, with all its messages; a message that a
    channel refuses holds up the later ones of the same alert alone.

    Args:
        registry: Whose outbox.
        channels: By name.
        now: The current time.
        budget_s: Nothing is begun after so many seconds.
    """
    done, until = Delivery(), time.monotonic() + budget_s
    held: set[object] = set()
    for message in registry.undelivered_messages():
        channel, alert = channels.get(message.channel), (message.channel, message.event.fingerprint)
        if channel is None or message.channel in held or alert in held or time.monotonic() > until:
            done.waiting += 1
            held.add(alert)
            continue
        if not is_due(message, now()):
            done.waiting += 1
            held.add(message.channel if message.outcome == "unavailable" else alert)
            continue
        try:
            channel.deliver(message)
        except ChannelUnavailable as error:
            registry.record_attempt(message, "unavailable", str(error), now())
            held.add(message.channel)
            done.problems.append(f"{message.channel} could not be reached: {error}")
        except MessageRefused as error:
            registry.record_attempt(message, "refused", str(error), now())
            held.add(alert)
            done.problems.append(f"{message.channel} refused {message.event.name}: {error}")
        else:
            registry.record_attempt(message, "delivered", "", now())
            done.delivered += 1
            continue
        done.waiting += 1
    return done


def is_due(message: OutboxMessage, now: datetime) -> bool:
    """Whether its pause is over: twice as long after each attempt, up to a bound."""
    if message.tried_at is None or message.outcome is None or now < message.tried_at:  # the clock was put back
        return True
    pause = min(FIRST_PAUSE * (1 << min(message.attempts - 1, 16)), LONGEST_PAUSE[message.outcome])
    return now - message.tried_at >= pause
