"""The result of one check of a home or of a deployment."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "waiting", "warning", "miss"]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        state: `waiting` is no fault: what it waits for comes by itself, or when a person decides. A `warning` is worth
            a look and fails no command.
        seen: A sentence.
        advice: What to do about it; empty where nothing is to be done.
    """

    name: str
    state: State
    seen: str
    advice: str = ""
