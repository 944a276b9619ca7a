"""What Dagster's event log remembers of the audit log: an outsider who notices when its newest records are removed.

Nothing is built on a registry whose log does not fit: promotion, training, evaluation and scoring ask first.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from mlreg_dagster.registry import Registry
from mlreg_dagster.registry.witness import AUDIT_HEAD, WITNESSING_ASSETS, Head, RegistryTampered, head_in, witness_of
from mlreg_dagster.storage.faults import explained

__all__ = [
    "RegistryTampered",
    "heads_on_record",
    "leave_witness",
    "newest_heads",
    "require_intact",
    "witness_of",
    "witnessed_heads",
]

PUBLISHED_HEAD, PUBLISHED_TO = "published_head", "published_to"
"""Metadata in which a run tells which head it published, as the line of its file, and where."""

_PAGE = 1000
_RECENT = 20  # observations of an asset


def witnessed_heads(instance: dg.DagsterInstance) -> set[Head]:
    """Sequence and hash of every record that a run reported as the newest one of its time."""
    return set(_heads(instance))


def heads_on_record() -> set[Head]:
    """The same, of the instance that DAGSTER_HOME names."""
    with explained(f"Dagster's storage in {os.environ.get('DAGSTER_HOME')}"), dg.DagsterInstance.get() as instance:
        return witnessed_heads(instance)


def newest_heads(instance: dg.DagsterInstance) -> set[Head]:
    """The same, of the last events of each asset: quick, and enough to notice that newer records were removed.

    Changes of traffic are observations, and so are events without a head, such as refusals.
    """
    return {
        head
        for name in WITNESSING_ASSETS
        for events in (
            instance.fetch_materializations(dg.AssetKey(name), limit=1),
            instance.fetch_observations(dg.AssetKey(name), limit=_RECENT),
        )
        for record in events.records
        if (event := record.asset_materialization or record.event_log_entry.asset_observation) is not None
        for head in _of(event.metadata)
    }


def published_by(instance: dg.DagsterInstance, run_id: str) -> tuple[str, list[str]]:
    """The line of the head that a run published, and the names of the places."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION):
        event = entry.asset_observation
        if event is not None and PUBLISHED_HEAD in event.metadata:
            places: Any = event.metadata[PUBLISHED_TO].value
            return str(event.metadata[PUBLISHED_HEAD].value), list(places)
    raise LookupError(run_id)


def require_intact(registry: Registry, instance: dg.DagsterInstance, heads: set[Head] | None = None) -> None:
    """Refuse a registry that does not fit its audit log, or what was witnessed of it.

    Args:
        registry: The registry.
        instance: Whose newest heads it must hold.
        heads: These, in their place.

    Raises:
        RegistryTampered: It does not; the first broken record is named.
    """
    if broken := registry.find_tampering(newest_heads(instance) if heads is None else heads):
        raise RegistryTampered(
            f"The registry was tampered with. {broken} Nothing is built on it: compare with a copy, and with the "
            f"runs in Dagster; see docs/runbook.md."
        )


def leave_witness(registry: Registry, what: str, metadata: Mapping[str, Any]) -> str | None:
    """Let Dagster remember the head of the audit log after a record that no run wrote, and show what it was.

    The record is stored already: where Dagster can't be written to, that is told, and nothing fails.

    Args:
        registry: Whose head.
        what: What was recorded, in a sentence, for the page of `champion_model`.
        metadata: More about it.

    Returns:
        Why no witness was left; None: it was.
    """
    head = "{}:{}".format(*registry.audit_head())
    event = dg.AssetObservation("champion_model", description=what, metadata={**metadata, AUDIT_HEAD: head})
    try:
        with explained(f"Dagster's storage in {os.environ.get('DAGSTER_HOME')}"), dg.DagsterInstance.get() as instance:
            instance.report_runless_asset_event(event)
    except Exception as error:  # noqa: BLE001 - whatever Dagster's storage raises: the record itself is stored
        return f"{type(error).__name__}: {error}"
    return None


def _heads(instance: dg.DagsterInstance) -> Iterator[Head]:
    for name in WITNESSING_ASSETS:
        key = dg.AssetKey(name)
        for fetch in (instance.fetch_materializations, instance.fetch_observations):
            cursor = None
            while True:
                page: Any = fetch(key, limit=_PAGE, cursor=cursor)
                for record in page.records:
                    event = record.asset_materialization or record.event_log_entry.asset_observation
                    if event is not None:
                        yield from _of(event.metadata)
                if not page.has_more:
                    break
                cursor = page.cursor


def _of(metadata: Any) -> Iterator[Head]:
    if AUDIT_HEAD in metadata:
        yield head_in(str(metadata[AUDIT_HEAD].value))
