"""What schedules and sensors share: who acts, and how often they look."""

from collections.abc import Mapping
from typing import Any

Jobs = Mapping[str, Any]
"""Job name to job."""

ACTOR = "automation"

EVERY_S = 60
"""How often each sensor looks, seconds."""
