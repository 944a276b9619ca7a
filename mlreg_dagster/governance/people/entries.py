"""Changes of the directory of people, by those who may make them: signed like any decision where they have a key.

Where a policy names people, one of them does it, and nobody changes their own roles or key.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.people import account_name
from mlreg_dagster.governance.decisions import signing
from mlreg_dagster.governance.decisions.authority import DecisionRefused, key_of
from mlreg_dagster.registry import Attribution, Entry, InvalidRecord, Person, PersonChange, Registry
from mlreg_dagster.registry.mixins.people import Sign


def add(
    registry: Registry, entry: Entry, by: Attribution, policy: PromotionSettings, key: Path | None = None
) -> PersonChange:
    """Give a person an id.

    Args:
        registry: Where it is recorded.
        entry: What is entered.
        by: Who does it, when and why. The first person of a directory adds themselves.
        policy: In force: who may decide.
        key: File of the actor's private key, to sign with; None: no signature.

    Raises:
        DecisionRefused: The actor may not decide, or must sign and does not; or is not in the directory themselves.
        InvalidRecord: The name is taken, or a field has a forbidden form.
        UnusableKey: The key can't be read.
    """
    is_own = account_name(by.actor) == account_name(entry.name)
    actor = registry.directory().id_of(account_name(by.actor))
    if actor not in registry.directory().people and not is_own:
        raise DecisionRefused(
            f"The record of a new person says who added them, for ever: by id. Add yourself first: mlreg people add "
            f"--name {account_name(by.actor)!r}"
        )
    if is_own and policy.people and (entry.roles or entry.public_key):
        raise DecisionRefused(_OWN_ROLES)
    return registry.add_person(entry, by, _signer(actor, policy, key))


def correct(
    registry: Registry,
    person: str,
    changes: Mapping[str, object],
    by: Attribution,
    policy: PromotionSettings,
    key: Path | None = None,
) -> PersonChange:
    """Correct an entry; what it said before is forgotten.

    Args:
        registry: Where it is recorded.
        person: An id, or a present name.
        changes: The fields of `Entry` that change.
        by: Who does it, when and why.
        policy: In force: who may decide.
        key: File of the actor's private key, to sign with; None: no signature.

    Raises:
        DecisionRefused: The actor may not decide, must sign and does not, or would change their own roles or key.
        InvalidRecord: There is no such person, they were erased, or a field has a forbidden form.
        UnusableKey: The key can't be read.
    """
    known = person_of(registry, person)
    if known.name is None:
        raise InvalidRecord(f"{known.id} was erased, for good. Add the person again, under a new id.")
    before = Entry(known.name, known.contact, known.roles, known.public_key)
    entry = replace(before, **changes)  # type: ignore[arg-type]
    by = replace(by, actor=registry.acting(by.actor))
    is_own = by.actor == known.id
    if is_own and policy.people and (entry.roles, entry.public_key) != (before.roles, before.public_key):
        raise DecisionRefused(_OWN_ROLES)
    if entry == before:
        raise DecisionRefused(f"The entry of {known.id} says so already: nothing is to be corrected.")
    sign = _signer(by.actor, policy, key)
    return registry.correct_person(known.id, entry, by, expected=known.sequence, sign=sign)


def erase(
    registry: Registry, person: str, by: Attribution, policy: PromotionSettings, key: Path | None = None
) -> PersonChange:
    """Erase name and contact of a person; the arguments are those of `correct`.

    Raises:
        DecisionRefused: The actor may not decide, or must sign and does not.
        InvalidRecord: There is no such person, or the reason holds a name.
        UnusableKey: The key can't be read.
    """
    known = person_of(registry, person)
    by = replace(by, actor=registry.acting(by.actor))
    return registry.erase_person(known.id, by, _signer(by.actor, policy, key))


def person_of(registry: Registry, named: str) -> Person:
    """The person of an id or a present name.

    Raises:
        InvalidRecord: There is none.
    """
    directory = registry.directory()
    if (found := directory.people.get(directory.id_of(account_name(named)))) is None:
        raise InvalidRecord(f"The directory has no {named[:80]!a}. `mlreg people list` shows who is in it.")
    return found


_OWN_ROLES = (
    "Nobody sets their own roles or key where promotion.yaml names people: let another one of them do it. Nothing was "
    "recorded."
)


def _signer(actor: str, policy: PromotionSettings, key: Path | None) -> Sign:
    """What signs a change; the actor is looked up in the policy before.

    Raises:
        DecisionRefused: The actor may not decide, or must sign and does not.
        UnusableKey: The key can't be read.
    """
    private = key_of(actor, policy, key)
    return lambda change: signing.signature_of(private, signing.person_message(change))
