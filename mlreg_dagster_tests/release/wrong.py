"""What a release lacks, for the message of a test that expects it to pass."""

from collections.abc import Mapping
from typing import Any


def wrong_in(steps: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The steps that did not pass, and why."""
    return [f"{name} {step['status']}: {step['detail']}" for name, step in steps.items() if step["status"] != "passed"]
