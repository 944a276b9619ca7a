"""The last evidence bundle of a version, which holds what pages do not try: loading, going back, training again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mlreg_dagster.core.times import read_time
from mlreg_dagster.evidence.schemas.card import FILE

_TRIED = {"rollback": ("undo",), "reproducibility": ("reproduction", "reproduction_failed")}
"""The facts that only a bundle has, by section."""


@dataclass(frozen=True)
class Recorded:
    """A bundle as it was written.

    Attributes:
        made_at: When.
        state: Of its card.
        headline: Of its card.
        tried: The facts on what was tried for it: by name, as in card.json.
    """

    made_at: datetime
    state: str
    headline: str
    tried: Mapping[str, Any]


def last_bundle(home: Path, version: str, until: datetime) -> Recorded | None:
    """The bundle that lies in a home.

    Args:
        home: The data home.
        version: Of which version.
        until: One that was made later is left out.

    Returns:
        None where there is none, or it can't be read.
    """
    try:
        card = json.loads((home / "bundles" / version / FILE).read_bytes())
        made_at = read_time(card["made_at"])
        sections = card["sections"]
        tried = {
            key: fact
            for section, keys in _TRIED.items()
            for key, fact in sections[section]["facts"].items()
            if key in keys
        }
        found = Recorded(made_at, str(card["state"]), str(card["headline"]), tried)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return found if made_at <= until else None
