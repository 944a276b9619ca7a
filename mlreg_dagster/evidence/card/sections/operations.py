"""Section 9: who owns a version, whom to call, and what to read then."""

import hashlib

from mlreg_dagster.config import shipped
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Section, Table, Values
from mlreg_dagster.evidence.card.incidents import incident_row
from mlreg_dagster.evidence.card.required.operations import RUNBOOK


def operations(context: CardContext) -> Section:
    """Who owns it, whom to call, and what to read then."""
    case, webhook = context.use_case, context.settings.notifications.webhook_url
    runbook = shipped(RUNBOOK)
    facts: tuple[Fact, ...] = (
        Values(
            "Ownership",
            {
                "owner": case.owner,
                "contacts": list(case.contacts),
                "notices of failed runs go to": "the readers of the webhook" if webhook else "the log alone",
                "runbook": RUNBOOK,
                "SHA-256 of the runbook": _sha256(runbook.read_bytes()) if runbook.is_file() else None,
            },
            key="ownership",
        ),
        Table("What runs by itself", context.watch.automation, key="automation"),
        Table("Incidents", [incident_row(each) for each in context.incidents], key="incidents"),
    )
    return Section("operations", facts)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
