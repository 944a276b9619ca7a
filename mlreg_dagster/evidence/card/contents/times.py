"""Times that manifests and lineages keep as text."""

import re
from datetime import datetime
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*")


def as_time(value: Any) -> Any:
    """A time that is written as text as a time, so that cards show it as such; anything else as it is."""
    return datetime.fromisoformat(value) if isinstance(value, str) and _TIME.fullmatch(value) else value
