"""Changes of the directory of people in Dagster's event log, by id: a witness that outlives an older copy put back."""

from typing import Any

import dagster as dg

from mlreg_dagster.registry import PersonChange

PERSON, PERSON_EVENT = "person", "person_event"
_ASSET = dg.AssetKey("champion_model")
_PAGE = 1000


def sentence_of(change: PersonChange) -> str:
    """A change in words; names are no part of it."""
    return f"person {change.person} {change.event} by {change.actor}: {change.reason}"


def metadata_of(change: PersonChange) -> dict[str, Any]:
    """What Dagster remembers of a change, by which `erased_people` finds it."""
    return {
        PERSON: change.person,
        PERSON_EVENT: change.event,
        "by": change.actor,
        "reason": change.reason,
        "signed": change.signature is not None,
    }


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
