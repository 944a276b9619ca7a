"""Values that all schedules and sensors share: who acts, and how often they look."""

from collections.abc import Mapping
from typing import Any

from mlreg_dagster.core.people import AUTOMATION

Jobs = Mapping[str, Any]
"""Job name to job."""

ACTOR = AUTOMATION

EVERY_S = 60
"""How often each sensor looks, seconds."""
