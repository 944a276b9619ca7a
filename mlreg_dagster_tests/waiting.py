"""Waiting for a condition, never for a time: a machine may be as busy as it likes."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 300
"""After which something hangs. It ends a test that has failed, and no other."""


def wait_for(look: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Look until there is something to see, and give it back."""
    end = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < end, f"not there after {patience_s} s"
        time.sleep(0.02)
    return found
