"""An incident as a row of a table, the same in cards and in the weekly report."""

from typing import Any

from mlreg_dagster.registry import Incident


def incident_row(incident: Incident) -> dict[str, Any]:
    """What its events say of it."""
    newest, resolved = incident.newest, incident.resolved
    return {
        "incident": incident.number,
        "title": newest.title,
        "severity": newest.severity,
        "owner": newest.owner,
        "began": incident.began,
        "over": resolved.occurred_at if resolved else None,
        "state": incident.state,
    }
