"""What Dagster's event log remembers of the audit log: an outsider who notices when its newest records are removed."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from mlreg_dagster.orchestration.metadata import AUDIT_HEAD

_ASSETS = ("candidate_model", "evaluated_model", "champion_model", "delivery_bundle")
_PAGE = 1000


def witnessed_heads(instance: dg.DagsterInstance) -> set[tuple[int, str]]:
    """Sequence and hash of every record that a run reported as the newest one of its time."""
    return set(_heads(instance))


def _heads(instance: dg.DagsterInstance) -> Iterator[tuple[int, str]]:
    for name in _ASSETS:
        key = dg.AssetKey(name)
        for fetch in (instance.fetch_materializations, instance.fetch_observations):
            cursor = None
            while True:
                page: Any = fetch(key, limit=_PAGE, cursor=cursor)
                for record in page.records:
                    event = record.asset_materialization or record.event_log_entry.asset_observation
                    if event is not None and AUDIT_HEAD in event.metadata:
                        sequence, _, digest = str(event.metadata[AUDIT_HEAD].value).partition(":")
                        yield int(sequence), digest
                if not page.has_more:
                    break
                cursor = page.cursor
