"""Names that an older copy of the registry brings back, after they were erased in a newer one."""

from collections.abc import Collection

from mlreg_dagster.registry import Attribution, PersonChange, Registry

_WHY = "erased before this copy was put back"


def names_that_are_back(registry: Registry, erased: Collection[str]) -> list[str]:
    """The ids of those among people who were erased whose names the registry holds."""
    return [person.id for person in registry.people() if person.id in erased and not person.is_erased]


def erase_again(registry: Registry, erased: Collection[str], by: Attribution) -> list[PersonChange]:
    """Erase the names that are back.

    It needs no permission of its own: each was erased by a person who had it.

    Args:
        registry: The copy that was put back.
        erased: The ids of people who were erased, as others remember them.
        by: Who put the copy back, and when.
    """
    again = Attribution(by.actor, by.time, _WHY, by.run_id)
    return [registry.erase_person(person, again) for person in names_that_are_back(registry, erased)]
