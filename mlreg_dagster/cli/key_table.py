"""The table of the server's API keys; its facts are documented in docs/json.md."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlreg_dagster.core.display.text_table import Grid

if TYPE_CHECKING:
    from mlreg_dagster.serving.app.key_file import Key


def keys_table(keys: "Sequence[Key]") -> Grid:
    """Keys by name, without their hashes."""
    facts = [
        {
            "name": key.name,
            "scopes": list(key.scopes),
            "requests_per_second": key.requests_per_second,
            "burst": key.burst,
            "created_at": key.created_at,
        }
        for key in keys
    ]
    grid = Grid("API keys", ("name", "scopes", "a second", "at once", "added"), facts, "There is no key.")
    for key in keys:
        added = f"{key.created_at:%Y-%m-%d %H:%M}"
        grid.add_row(key.name, ", ".join(key.scopes), f"{key.requests_per_second:g}", str(key.burst), added)
    return grid
