"""Immutable records of people: the changes of their entries, and what the directory says of them now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

PersonEvent = Literal["added", "corrected", "erased"]


@dataclass(frozen=True)
class PersonChange:
    """A change of a person's entry, without the name: it is part of the audit log.

    Attributes:
        id: Grows with every change.
        person: The id by which all other records name the person.
        sequence: Counts the changes of one person, from 1.
        event: What happened to the entry.
        entry_sha256: HMAC-SHA256 of name and contact under a random salt that the directory keeps; None once erased.
        roles: Of the person, from this change on.
        public_key: Of the person, Ed25519 in base64. It stays after an erasure, so that signatures can be verified.
        actor: Who made the change.
        reason: Why.
        recorded_at: When it was written.
        run_id: The Dagster run, if any.
        signature: Of the actor; None: not signed.
    """

    id: int
    person: str
    sequence: int
    event: PersonEvent
    entry_sha256: str | None
    roles: tuple[str, ...]
    public_key: str | None
    actor: str
    reason: str
    recorded_at: datetime
    run_id: str | None
    signature: str | None


@dataclass(frozen=True)
class Entry:
    """What is entered of a person.

    Attributes:
        name: An account name.
        contact: How the person is reached, in any form.
        roles: What the person may be asked for.
        public_key: Ed25519, in base64.
    """

    name: str
    contact: str | None = None
    roles: tuple[str, ...] = ()
    public_key: str | None = None


@dataclass(frozen=True)
class Person:
    """What the directory says of a person now.

    Attributes:
        id: By which all other records name the person.
        name: An account name; None once erased.
        contact: How the person is reached; None once erased.
        roles: By the newest change.
        public_key: By the newest change.
        sequence: Of the newest change.
    """

    id: str
    name: str | None
    contact: str | None
    roles: tuple[str, ...]
    public_key: str | None
    sequence: int

    @property
    def is_erased(self) -> bool:
        """Whether name and contact were erased."""
        return self.name is None
