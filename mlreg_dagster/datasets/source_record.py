"""Which source the hours of a dataset came from, written down when it is frozen.

The configuration may name another source by the time that a version is judged; the rows themselves name theirs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlreg_dagster.config import IngestSettings
from mlreg_dagster.core.untrusted.redaction import names_a_secret, shown_url
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

SOURCE = "source"
"""In a lineage: see `describe_source`; earlier datasets have none."""

_HIDDEN = "***"
_TIME = "%Y-%m-%dT%H:%MZ"


def describe_source(tables: Warehouse, window: Window, settings: IngestSettings) -> dict[str, Any]:
    """The source of a dataset, for its lineage.

    Args:
        tables: Where the snapshots are.
        window: The hours of the dataset.
        settings: ingest.yaml, as it is when the dataset is frozen.

    Returns:
        `configured`: name, universe and settings of the source of then, without secrets and without folders of the
        machine; `hours`: by the name in the snapshots, from which hours and rows of the window are.
    """
    return {SOURCE: {"configured": configured(settings), "hours": hours_by_source(tables, window)}}


def configured(settings: IngestSettings) -> dict[str, Any]:
    """The source that ingest.yaml names, with its settings."""
    block = getattr(settings, settings.source, None) if settings.source in type(settings).model_fields else None
    values = settings.params if block is None else block.model_dump(mode="json")
    return {"source": settings.source, "universe": settings.universe, "settings": _without_secrets(values)}


def hours_by_source(tables: Warehouse, window: Window) -> dict[str, dict[str, Any]]:
    """How many hours and rows of a window each source gave, by what the snapshots say."""
    rows = tables.query(
        f"SELECT source, count(DISTINCT hour) AS hours, count(*) AS rows, min(hour) AS first, max(hour) AS last "  # noqa: S608
        f"FROM {MARKET_SNAPSHOT.name} WHERE hour >= $first AND hour < $end GROUP BY source ORDER BY source",
        {"first": window.first, "end": window.end},
    )
    return {
        each["source"]: {
            "hours": int(each["hours"]),
            "rows": int(each["rows"]),
            "first": f"{each['first']:{_TIME}}",
            "last": f"{each['last']:{_TIME}}",
        }
        for each in rows.to_dict("records")
    }


def _without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): _shown(str(name), value) for name, value in values.items()}


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _without_secrets(value)
    if isinstance(value, list | tuple):
        return [_shown(name, each) for each in value]
    if isinstance(value, str) and "://" in value:
        return shown_url(value)
    if names_a_secret(name) and not name.endswith("_env"):  # the name of a variable is none
        return _HIDDEN
    if name == "path" and isinstance(value, str):
        return Path(value).name  # the folder is that of one machine, and the same data has one hash
    return value if isinstance(value, str | int | float | bool | None) else str(value)
