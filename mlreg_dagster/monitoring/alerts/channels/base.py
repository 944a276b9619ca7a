"""What a channel is: it delivers a message, or raises one of two errors that say whether others would pass."""

import os
from typing import Protocol

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.registry import OutboxMessage


class ChannelUnavailable(MlregError):
    """No message passes now: the receiver can't be reached, or takes none at the moment."""


class MessageRefused(MlregError):
    """The receiver does not take this message; others may pass."""


class Channel(Protocol):
    """A way to people."""

    def deliver(self, message: OutboxMessage) -> None:
        """Have the receiver take a message; its `key` goes along, by which the receiver tells a repeated one.

        Raises:
            ChannelUnavailable: No message passes now.
            MessageRefused: This one does not.
        """


def secret_of(variable: str) -> str:
    """The secret that an environment variable holds.

    Raises:
        ChannelUnavailable: It is unset or empty.
    """
    if not (found := os.environ.get(variable, "").strip()):
        raise ChannelUnavailable(f"the environment variable {variable} is not set where the daemon runs")
    return found
