"""Writes an incident down: who may, what it is linked to, and what a review takes. What is kept is in the registry."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.people import account_name, checked_text
from mlreg_dagster.core.times import read_hour
from mlreg_dagster.governance.decisions.authority import DecisionRefused, fault_of_reason, key_of, spelled
from mlreg_dagster.registry import Attribution, Incident, IncidentEntry, IncidentEvent, InvalidRecord, Registry
from mlreg_dagster.registry.records.alerts import SHORT, Severity
from mlreg_dagster.registry.records.incidents import DETECTED_AT, MITIGATED, REPORT
from mlreg_dagster.storage import regular_files
from mlreg_dagster.storage.regular_files import OddFile

TO_WRITE = "[to be written:"
"""Begins a mark in a report where people have something to write."""

_LARGEST_REPORT = 20 << 20


class ReportUnfinished(MlregError):
    """A report of an incident in which people still have something to write, or that can't be read."""


@dataclass(frozen=True)
class Author:
    """Who writes an incident down, and what allows it.

    Attributes:
        by: Who, when, and the text.
        policy: In force: who may decide, and how long a text must be.
        key: The file of the actor's private key, if they have one.
    """

    by: Attribution
    policy: PromotionSettings
    key: Path | None = None

    def checked(self, registry: Registry) -> Attribution:
        """Who it is, as it is recorded: by id, where the directory of people has one.

        Raises:
            DecisionRefused: People are named, and the actor is none of them or does not sign; the text is too short.
            NotAName: The actor or the text has a forbidden form.
            InvalidRecord: The person may not act, or the text holds a name of the directory.
        """
        by = spelled(self.by, registry)
        if fault := fault_of_reason(by.reason, self.policy):
            raise DecisionRefused(fault)
        key_of(by.actor, self.policy, self.key)
        return by


@dataclass(frozen=True)
class Links:
    """What an event names of other records, as people write it.

    Attributes:
        alerts: Beginnings of fingerprints.
        hours: Of the market.
        versions: v7, latest, or an alias.
        suspensions: ALIAS:SEQUENCE of suspensions and resumptions.
        moves: ALIAS:SEQUENCE of moves of an alias.
    """

    alerts: tuple[str, ...] = ()
    hours: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    suspensions: tuple[str, ...] = ()
    moves: tuple[str, ...] = ()

    def facts(self, registry: Registry) -> dict[str, Any]:
        """The same as it is kept; kinds of which nothing is named are left out.

        Raises:
            InvalidRecord, UnknownVersion, NotAnHour: One of them is not there.
        """
        found = {
            "alerts": [_fingerprint(registry, name) for name in self.alerts],
            "hours": [read_hour(text).isoformat() for text in self.hours],
            "versions": [registry.resolve(name).version for name in self.versions],
            "suspensions": [_numbered(name, _suspensions(registry, name)) for name in self.suspensions],
            "moves": [_numbered(name, _moves(registry, name)) for name in self.moves],
        }
        return {kind: list(dict.fromkeys(names)) for kind, names in found.items() if names}


@dataclass(frozen=True)
class Opening:
    """An incident that is to be opened.

    Attributes:
        title: What it is, in a few words.
        severity: How urgent it is.
        owner: Who leads the response.
        since: When it began.
        detected_at: When it was noticed; None: when the first alert that is linked fired, else now.
        links: What is known to belong to it.
    """

    title: str
    severity: Severity
    owner: str
    since: datetime
    detected_at: datetime | None = None
    links: Links = Links()


def open_incident(registry: Registry, opening: Opening, author: Author) -> IncidentEvent:
    """Begin the record of an incident.

    Raises:
        DecisionRefused, NotAName: As for `Author.checked`; the title or the owner has a forbidden form.
        InvalidRecord, UnknownVersion, NotAnHour: A link leads nowhere, or the times are in a wrong order.
    """
    by, facts = author.checked(registry), opening.links.facts(registry)
    detected_at = opening.detected_at or min(
        (each.recorded_at for each in registry.alert_events() if each.fingerprint in facts.get("alerts", ())),
        default=by.time,
    )
    entry = IncidentEntry(
        "opened",
        opening.since,
        checked_text("title", opening.title),
        opening.severity,
        account_name(opening.owner),
        facts | {DETECTED_AT: detected_at.isoformat()},
    )
    return registry.open_incident(entry, by)


def note(
    registry: Registry,
    number: int,
    author: Author,
    *,
    at: datetime | None = None,
    links: Links = Links(),
    mitigated: bool = False,
    severity: Severity | None = None,
    owner: str | None = None,
) -> IncidentEvent:
    """Add a note to an incident, also after it was resolved.

    Args:
        registry: Where it is recorded.
        number: Of the incident.
        author: Who writes, and the text.
        at: When it happened; None: now.
        links: What is known to belong to the incident.
        mitigated: From then on users were no longer affected, though it may not be over.
        severity: From now on; None: as before.
        owner: From now on; None: as before.

    Raises:
        DecisionRefused, NotAName: As for `Author.checked`.
        InvalidRecord, UnknownVersion, NotAnHour: There is no such incident, a link leads nowhere, or the time is wrong.
    """
    by = author.checked(registry)
    facts = links.facts(registry) | ({MITIGATED: True} if mitigated else {})
    owner = None if owner is None else account_name(owner)
    return registry.add_to_incident(number, IncidentEntry("noted", at or by.time, None, severity, owner, facts), by)


def resolve(registry: Registry, incident: Incident, author: Author, at: datetime | None = None) -> IncidentEvent:
    """Record that an incident is over.

    Args:
        registry: Where it is recorded.
        incident: As the author knows it; where another event came since, nothing is added.
        author: Who says so, and why.
        at: When it was over; None: now.

    Raises:
        DecisionRefused, NotAName: As for `Author.checked`.
        IncidentConflict, InvalidRecord: It is over already, another event came first, or the time is wrong.
    """
    by = author.checked(registry)
    entry = IncidentEntry("resolved", at or by.time)
    return registry.add_to_incident(incident.number, entry, by, expected=incident.newest.sequence)


def review(registry: Registry, incident: Incident, report: Path, author: Author) -> IncidentEvent:
    """Record that people have reviewed the report of an incident: its name, hash and size.

    Args:
        registry: Where it is recorded.
        incident: As the author knows it; where another event came since, nothing is added.
        report: The file, in which nothing is left to be written.
        author: Who reviewed it, and what they say.

    Raises:
        ReportUnfinished: Something is, or the file can't be read.
        DecisionRefused, NotAName: As for `Author.checked`.
        IncidentConflict: The incident goes on, or another event came first.
    """
    by = author.checked(registry)
    try:
        content = regular_files.read(report, _LARGEST_REPORT)
    except (OSError, OddFile) as error:
        raise ReportUnfinished(f"The report {report} can't be read: {error}. Name a file.") from error
    if left := content.count(TO_WRITE.encode()):
        raise ReportUnfinished(
            f"{left} places of {report} are still marked {TO_WRITE} …]. Write them, or say there that it is not known."
        )
    digest = hashlib.sha256(content).hexdigest()
    facts = {REPORT: {"name": report.name, "sha256": digest, "bytes": len(content)}}
    entry = IncidentEntry("reviewed", by.time, facts=facts)
    return registry.add_to_incident(incident.number, entry, by, expected=incident.newest.sequence)


def _fingerprint(registry: Registry, name: str) -> str:
    known = {each.fingerprint for each in registry.alert_events()}
    found = sorted(each for each in known if name and each.startswith(name))
    if len(found) != 1:
        which = "Several alerts begin" if found else "No alert begins"
        raise InvalidRecord(f"{which} with {name[:SHORT]!a}. `mlreg alerts --past 50` lists them.")
    return found[0]


def _numbered(name: str, known: Iterable[int]) -> str:
    alias, _, number = name.partition(":")
    sequences = sorted(known)
    if not number.isascii() or not number.isdigit() or int(number) not in sequences:
        listed = ", ".join(f"{alias}:{each}" for each in sequences) or "none"
        raise InvalidRecord(f"{name[:80]!a} is not on record. Write ALIAS:SEQUENCE; known of {alias[:64]!a}: {listed}.")
    return f"{alias}:{int(number)}"


def _moves(registry: Registry, name: str) -> list[int]:
    return [each.sequence for each in registry.recorded_moves(name.partition(":")[0])]


def _suspensions(registry: Registry, name: str) -> list[int]:
    return [each.sequence for each in registry.suspensions(name.partition(":")[0])]
