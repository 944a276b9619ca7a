"""Who may change the directory of people, and what is signed."""

import pandas as pd
import pytest

from mlreg_dagster.governance.audit_export.signatures import signatures_in
from mlreg_dagster.governance.decisions.authority import DecisionRefused
from mlreg_dagster.governance.people.entries import add, correct, erase
from mlreg_dagster.governance.people.restored import erase_again, names_that_are_back
from mlreg_dagster.governance.policy.in_force import rules_now
from mlreg_dagster.registry import Attribution, Entry, InvalidRecord, Registry
from mlreg_dagster_tests.governance.people.conftest import START, rules_with

NOW = START + pd.Timedelta(days=1)


def by(actor: str, reason: str = "as agreed") -> Attribution:
    return Attribution(actor, NOW, reason)


def policy_of(registry: Registry):
    return rules_now(registry, rules_with(), NOW).promotion


def test_the_first_person_adds_themselves_so_that_no_record_holds_a_name(registry_with):
    registry = registry_with()
    with pytest.raises(DecisionRefused, match="Add yourself first"):
        add(registry, Entry("bert"), by("anna"), policy_of(registry))
    anna = add(registry, Entry("anna"), by("Anna"), policy_of(registry)).person
    added = add(registry, Entry("bert"), by("anna"), policy_of(registry))
    assert added.actor == anna
    assert "anna" not in "".join(record.content for record in registry.audit_log()[1:])


def test_where_people_are_named_one_of_them_signs_and_nobody_sets_their_own_roles(registry_with, keys):
    registry = registry_with(people={"anna": {"public_key": keys["anna"][1]}, "bert": {"public_key": keys["bert"][1]}})
    with pytest.raises(DecisionRefused, match="may not decide"):
        add(registry, Entry("mallory"), by("mallory"), policy_of(registry))
    with pytest.raises(DecisionRefused, match="signed"):
        add(registry, Entry("anna"), by("anna"), policy_of(registry))
    with pytest.raises(DecisionRefused, match="own roles"):
        add(registry, Entry("anna", None, ("owner",)), by("anna"), policy_of(registry), keys["anna"][0])
    anna = add(registry, Entry("anna"), by("anna"), policy_of(registry), keys["anna"][0]).person
    bert = add(registry, Entry("bert", None, ("owner",)), by("anna"), policy_of(registry), keys["anna"][0]).person
    for changes in ({"roles": ("king",)}, {"public_key": keys["mallory"][1]}):
        with pytest.raises(DecisionRefused, match="own roles"):
            correct(registry, bert, changes, by("bert"), policy_of(registry), keys["bert"][0])
        correct(registry, bert, changes, by("anna"), policy_of(registry), keys["anna"][0])
    correct(registry, anna, {"contact": "room 7"}, by("anna"), policy_of(registry), keys["anna"][0])
    erase(registry, bert, by("anna"), policy_of(registry), keys["anna"][0])
    signatures = signatures_in(registry.audit_log())
    assert (signatures.valid, signatures.unknown, signatures.invalid) == (0, 6, ())
    assert all(change.signature for change in registry.person_changes())
    assert registry.find_tampering() is None


def test_signatures_of_changes_are_verified_by_the_keys_of_the_directory(registry_with, keys):
    registry = registry_with()
    add(registry, Entry("anna", None, (), keys["anna"][1]), by("anna"), policy_of(registry), keys["anna"][0])
    assert signatures_in(registry.audit_log()).valid == 1
    add(registry, Entry("bert"), by("anna"), policy_of(registry), keys["mallory"][0])
    assert len(signatures_in(registry.audit_log()).invalid) == 1


def test_people_are_found_by_id_and_by_present_name(registry_with):
    registry = registry_with()
    anna = add(registry, Entry("anna"), by("anna"), policy_of(registry)).person
    correct(registry, "Anna", {"name": "anna maria"}, by(anna), policy_of(registry))
    with pytest.raises(InvalidRecord, match="mlreg people list"):
        correct(registry, "anna", {"name": "x y"}, by(anna), policy_of(registry))
    with pytest.raises(DecisionRefused, match="says so already"):
        correct(registry, anna, {"name": "anna maria"}, by(anna), policy_of(registry))


def test_people_who_were_erased_do_not_act(registry_with):
    registry = registry_with()
    anna = add(registry, Entry("anna"), by("anna"), policy_of(registry)).person
    bert = add(registry, Entry("bert"), by("anna"), policy_of(registry)).person
    erase(registry, anna, by("anna"), policy_of(registry))
    with pytest.raises(InvalidRecord, match="erased"):
        erase(registry, bert, by(anna), policy_of(registry))


def test_names_that_an_older_copy_brings_back_are_erased_again(registry_with, tmp_path):
    registry = registry_with()
    anna = add(registry, Entry("anna"), by("anna"), policy_of(registry)).person
    bert = add(registry, Entry("bert"), by("anna"), policy_of(registry)).person
    registry.copy_to(tmp_path / "older.db")
    erase(registry, bert, by(anna), policy_of(registry))
    erased = {person.id for person in registry.people() if person.is_erased}
    older = Registry(f"sqlite:///{tmp_path}/older.db")
    assert names_that_are_back(older, erased) == [bert]
    (change,) = erase_again(older, erased, by(anna))
    assert (change.person, change.event, change.actor) == (bert, "erased", anna)
    assert names_that_are_back(older, erased) == []
    assert older.find_tampering() is None
