"""Waiting for a condition, never for a time: a machine may be as busy as it likes."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 300
"""After which something hangs. It ends a test that has failed, and no other."""


def wait_for(look: Callable[[], Any], patience_s: float = PATIENCE_S, rarest_s: float = 0.2) -> Any:
    """Look until there is something to see, and give it back.

    Args:
        look: What is asked; it may be asked often.
        patience_s: After which the test fails.
        rarest_s: The longest pause between two looks: what costs much is asked less often.
    """
    end, pause = time.monotonic() + patience_s, 0.02
    while not (found := look()):
        assert time.monotonic() < end, f"not there after {patience_s} s"
        time.sleep(pause)
        pause = min(1.3 * pause, rarest_s)
    return found
