"""What section 9 requires: contacts, a runbook, and notices that reach a person."""

from mlreg_dagster.config import shipped
from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.requirements import EVERY_TIER, HIGH, Finding, Requirement, unless

RUNBOOK = "docs/runbook.md"


def _contacts(context: CardContext) -> Finding:
    return unless(None if context.use_case.contacts else "use_case.yaml names no contact for incidents.")


def _runbook(_context: CardContext) -> Finding:
    return unless(None if shipped(RUNBOOK).is_file() else f"There is no {RUNBOOK}.")


def _notices(context: CardContext) -> Finding:
    reach_people = context.settings.notifications.webhook_url is not None
    return unless(
        None if reach_people else "Notices of failed runs go to the log alone: notifications.yaml names no webhook."
    )


REQUIREMENTS = (
    Requirement(
        "operations.contacts",
        "operations",
        "people to call in an incident",
        ("SR 11-7, VI", "ISO/IEC 42001, A.3.2", "Mitchell et al. 2019, model details"),
        EVERY_TIER,
        _contacts,
    ),
    Requirement(
        "operations.runbook",
        "operations",
        "a runbook for incidents",
        ("ISO/IEC 42001, A.6.2.6", "NIST AI RMF, MANAGE 4.1"),
        EVERY_TIER,
        _runbook,
    ),
    Requirement(
        "operations.notices",
        "operations",
        "notices of failed runs that reach a person",
        ("EU AI Act, Art. 26(5)", "NIST AI RMF, MANAGE 4.3"),
        HIGH,
        _notices,
    ),
)
