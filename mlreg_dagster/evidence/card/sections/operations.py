"""Section 9: who owns a version, whom to call, and what to read then."""

import hashlib

from mlreg_dagster.config import shipped
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Section, Table, Values

_RUNBOOK = "docs/runbook.md"


def operations(context: CardContext) -> Section:
    """Who owns it, whom to call, and what to read then."""
    case, webhook = context.settings.use_case, context.settings.notifications.webhook_url
    runbook = shipped(_RUNBOOK)
    missing = [] if case.contacts else ["use_case.yaml names no contact for incidents."]
    if not runbook.is_file():
        missing.append(f"There is no {_RUNBOOK}.")
    if webhook is None and case.risk_tier == "high":
        missing.append("Notices of failed runs go to the log alone: notifications.yaml names no webhook.")
    facts: tuple[Fact, ...] = (
        Values(
            "Ownership",
            {
                "owner": case.owner,
                "contacts": list(case.contacts),
                "notices of failed runs go to": "the readers of the webhook" if webhook else "the log alone",
                "runbook": _RUNBOOK,
                "SHA-256 of the runbook": _sha256(runbook.read_bytes()) if runbook.is_file() else None,
            },
            key="ownership",
        ),
        Table("What runs by itself", context.watch.automation, key="automation"),
    )
    return Section("operations", facts, tuple(missing))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
