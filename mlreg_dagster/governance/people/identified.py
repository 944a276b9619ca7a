"""A policy with its people by the ids of the directory, and what the directory says of those it names by id alone."""

from collections.abc import Iterable
from datetime import datetime

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.config.sections.governance import Person
from mlreg_dagster.core.people import is_person_id
from mlreg_dagster.registry import PersonChange, Registry


def identified(policy: PromotionSettings, registry: Registry, adopted_at: datetime) -> PromotionSettings:
    """A policy as it is applied: a name that the directory has becomes its id.

    An entry that is an id without roles and key has those that the directory said when the policy was adopted. So a
    change of the directory gives no one a role or another's signature: it counts from the next adoption on.

    Args:
        policy: As it was adopted, or as the files say.
        registry: Whose directory it is.
        adopted_at: When it was adopted.
    """
    if not (directory := registry.directory()):
        return policy
    people: dict[str, Person] = {}
    bare = [name for name, entry in policy.people.items() if is_person_id(name) and entry.is_bare]
    known = _known_at(registry.person_changes(), adopted_at) if bare else {}
    for name, entry in policy.people.items():
        found = directory.id_of(name)
        if found == name or found not in policy.people:  # an entry of the id itself goes before one of the name
            people[found] = known.get(name, entry) if name in bare else entry
    return policy.with_people(people, directory.ids)


def _known_at(changes: Iterable[PersonChange], time: datetime) -> dict[str, Person]:
    """Roles and key of each person by the newest change up to a time."""
    return {
        each.person: Person(roles=each.roles, public_key=each.public_key)
        for each in changes
        if each.recorded_at <= time
    }
