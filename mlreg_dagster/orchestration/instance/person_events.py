"""Changes of the directory of people in Dagster's event log, by id: a witness that outlives an older copy put back."""

import os
from typing import Any

import dagster as dg

from mlreg_dagster.orchestration.metadata import AUDIT_HEAD, audit_head
from mlreg_dagster.registry import PersonChange, Registry
from mlreg_dagster.storage.faults import explained

PERSON, PERSON_EVENT = "person", "person_event"
_ASSET = dg.AssetKey("champion_model")
_PAGE = 1000


def report_change(instance: dg.DagsterInstance, registry: Registry, change: PersonChange) -> None:
    """Record a change, and the head of the audit log with it; names are no part of it."""
    instance.report_runless_asset_event(
        dg.AssetObservation(
            _ASSET,
            description=f"person {change.person} {change.event} by {change.actor}: {change.reason}",
            metadata={
                PERSON: change.person,
                PERSON_EVENT: change.event,
                "by": change.actor,
                "reason": change.reason,
                "signed": change.signature is not None,
                AUDIT_HEAD: audit_head(registry),
            },
        )
    )


def report_at_home(registry: Registry, change: PersonChange) -> None:
    """The same in the event log of the instance that DAGSTER_HOME names."""
    with explained(f"Dagster's storage in {os.environ.get('DAGSTER_HOME')}"), dg.DagsterInstance.get() as instance:
        report_change(instance, registry, change)


def erased_people(instance: dg.DagsterInstance) -> frozenset[str]:
    """The ids of the people whose names were erased, as far as the event log remembers."""
    found: set[str] = set()
    cursor = None
    while True:
        page: Any = instance.fetch_observations(_ASSET, limit=_PAGE, cursor=cursor)
        for record in page.records:
            event = record.event_log_entry.asset_observation
            if event is not None and PERSON_EVENT in event.metadata and event.metadata[PERSON_EVENT].value == "erased":
                found.add(str(event.metadata[PERSON].value))
        if not page.has_more:
            return frozenset(found)
        cursor = page.cursor
