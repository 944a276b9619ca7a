"""People by ids: the changes of their entries, which are kept, and their names, which can be corrected and erased.

Who may change an entry is decided in `governance.people`.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from sqlalchemy import Connection, insert, update

from mlreg_dagster.core.people import (
    NO_PERSON,
    OF_THE_PROJECT,
    NotAName,
    account_name,
    checked_text,
    is_person_id,
    new_person_id,
)
from mlreg_dagster.registry.database import queries
from mlreg_dagster.registry.database.connection import Database
from mlreg_dagster.registry.database.schema import people, person_changes
from mlreg_dagster.registry.directory import Directory
from mlreg_dagster.registry.entries import entry_sha256, new_salt
from mlreg_dagster.registry.errors import InvalidRecord
from mlreg_dagster.registry.records.models import Attribution
from mlreg_dagster.registry.records.people import Entry, Person, PersonChange, PersonEvent

_LOG = logging.getLogger(__name__)
_NOTHING = "Nothing was recorded."

Sign = Callable[[PersonChange], str | None]
"""Gives the signature of a change that is about to be recorded."""


class People:
    """The part of the registry that holds people."""

    _database: Database

    def people(self) -> list[Person]:
        """Everybody who was ever added, in that order; those who were erased without a name."""
        with self._database.reading() as connection:
            return queries.people(connection)

    def directory(self) -> Directory:
        """Who is who, as of now."""
        return Directory(self.people())

    def acting(self, name: str) -> str:
        """Who acts, as records name them: the id where the directory has one, else the name in its one spelling.

        While the directory is empty every name is as good as another. Once it holds people, a name that is not in it
        is logged as a warning, or refused where the policy in force says so.

        Raises:
            NotAName: It can't be the name of a person.
            InvalidRecord: The person was erased or is not known, or the policy in force wants people of the directory.
        """
        if (name := account_name(name)) in OF_THE_PROJECT:
            return name
        with self._database.reading() as connection:
            directory, in_force = Directory(queries.people(connection)), queries.policy_in_force(connection)
        if not directory:
            return name
        found = directory.id_of(name)
        if found in directory.people:
            return _present(directory, found).id
        if is_person_id(found):
            raise InvalidRecord(f"There is no person {found}. `mlreg people list` shows all ids. {_NOTHING}")
        if in_force is not None and in_force.content.get("promotion", {}).get("unlisted_actors") == "refuse":
            raise InvalidRecord(
                f"{name!r} is not in the directory of people, and promotion.yaml (unlisted_actors: refuse) lets only "
                f"people of the directory act. Anyone who may decide adds them: `mlreg people add`. {_NOTHING}"
            )
        _warn_of(name)
        return name

    def person_changes(self, person: str | None = None) -> list[PersonChange]:
        """The changes of the entries of one person or of all, in the order in which they were recorded."""
        with self._database.reading() as connection:
            found = queries.all_of(connection, PersonChange, person_changes)
        return [each for each in found if person is None or each.person == person]

    def add_person(self, entry: Entry, by: Attribution, sign: Sign | None = None) -> PersonChange:
        """Give a person an id. Where people add themselves, the record names them by it.

        Args:
            entry: What is entered.
            by: Who adds the person, when and why.
            sign: Signs the change.

        Raises:
            InvalidRecord: Another person has the name, or a field has a forbidden form.
        """
        by, entry = by.checked(), _checked(entry)
        with self._database.writing() as connection:
            directory = Directory(queries.people(connection))
            _require_free(directory, entry.name, None)
            person = new_person_id()
            connection.execute(insert(people).values(person=person))
            return self._change(connection, Person(person, None, None, (), None, 0), "added", entry, by, sign)

    def correct_person(
        self, person: str, entry: Entry, by: Attribution, *, expected: int, sign: Sign | None = None
    ) -> PersonChange:
        """Replace the entry of a person; what it said before is gone, and the file is rewritten without it.

        Args:
            person: The id.
            entry: The whole new entry.
            by: Who corrects it, when and why.
            expected: The sequence of the newest change, as far as the caller knows.
            sign: Signs the change.

        Raises:
            InvalidRecord: There is no such person, the entry was erased or changed meanwhile, another person has the
                name, or a field has a forbidden form.
        """
        by, entry = by.checked(), _checked(entry)
        with self._database.writing() as connection:
            directory = Directory(queries.people(connection))
            known = _present(directory, person)
            if known.sequence != expected:
                raise InvalidRecord(f"The entry of {person} was changed meanwhile. Look at it, and try again.")
            _require_free(directory, entry.name, person)
            directory.refuse_names("reason", by.reason)
            by = replace(by, actor=directory.id_of(by.actor))
            change = self._change(connection, known, "corrected", entry, by, sign)
        self._database.forget_overwritten()
        return change

    def erase_person(self, person: str, by: Attribution, sign: Sign | None = None) -> PersonChange:
        """Erase name, contact and salt of a person; id, roles and public key stay on record.

        Where they were erased before, nothing is recorded, and the file is rewritten again.

        Args:
            person: The id.
            by: Who erases them, when and why.
            sign: Signs the change.

        Raises:
            InvalidRecord: There is no such person, or the reason holds a name.
        """
        by = by.checked()
        with self._database.writing() as connection:
            directory = Directory(queries.people(connection))
            known = _known(directory, person)
            if known.is_erased:
                change = queries.changes_of(connection, person)[-1]
            else:
                directory.refuse_names("reason", by.reason)
                by = replace(by, actor=directory.id_of(by.actor))
                change = self._change(connection, known, "erased", None, by, sign)
        self._database.forget_overwritten()
        return change

    def _change(
        self,
        connection: Connection,
        known: Person,
        event: PersonEvent,
        entry: Entry | None,
        by: Attribution,
        sign: Sign | None,
    ) -> PersonChange:
        """Write the row of the directory, and the record of it, in the caller's transaction."""
        salt = new_salt() if entry else None
        row = {"name": entry.name, "contact": entry.contact, "salt": salt} if entry else dict.fromkeys(_ERASABLE)
        connection.execute(update(people).where(people.c.person == known.id).values(row))
        directory = Directory(queries.people(connection))
        unsigned = PersonChange(
            id=0,
            person=known.id,
            sequence=known.sequence + 1,
            event=event,
            entry_sha256=entry_sha256(entry.name, entry.contact, salt) if entry and salt else None,
            roles=entry.roles if entry else known.roles,
            public_key=entry.public_key if entry else known.public_key,
            actor=directory.id_of(by.actor),
            reason=by.reason,
            recorded_at=by.time,
            run_id=by.run_id,
            signature=None,
        )
        signature = sign(unsigned) if sign else None
        values = {name: value for name, value in vars(unsigned).items() if name != "id"} | {"signature": signature}
        return queries.append(connection, PersonChange, person_changes, **values)


@cache
def _warn_of(name: str) -> None:
    """Say once that records will hold a name."""
    _LOG.warning(
        "%s is not in the directory of people: the name itself is recorded, and can't be erased. `mlreg people add` "
        "gives an id.",
        name,
    )


_ERASABLE = ("name", "contact", "salt")


def _checked(entry: Entry) -> Entry:
    """An entry in the one form in which it is kept.

    Raises:
        InvalidRecord: A field has a forbidden form.
    """
    try:
        name = account_name(entry.name)
        contact = checked_text("contact", entry.contact) if entry.contact else None
        roles = tuple(dict.fromkeys(checked_text("role", role) for role in entry.roles))
    except NotAName as error:
        raise InvalidRecord(str(error)) from error
    if is_person_id(name) or name in OF_THE_PROJECT or name in NO_PERSON:
        raise InvalidRecord(f"{name} can't be the name of a person: it is an id, or the project's own actor.")
    return Entry(name, contact or None, tuple(role for role in roles if role), entry.public_key)


def _known(directory: Directory, person: str) -> Person:
    if (known := directory.people.get(person)) is None:
        raise InvalidRecord(f"There is no person {person[:80]!a}. `mlreg people list` shows all ids.")
    return known


def _present(directory: Directory, person: str) -> Person:
    if (known := _known(directory, person)).is_erased:
        raise InvalidRecord(f"{person} was erased, for good. Add the person again, under a new id.")
    return known


def _require_free(directory: Directory, name: str, person: str | None) -> None:
    if (other := directory.ids.get(name)) not in {None, person}:
        raise InvalidRecord(
            f"Another person, {other}, has this name already. Names are account names: use one that tells them apart."
        )
