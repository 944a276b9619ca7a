"""A policy by ids: what a name, an id and an id alone mean with the directory."""

from dataclasses import replace

import pandas as pd
import pytest

from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.config.sections.governance import Person
from mlreg_dagster.governance.decisions import counting, signing
from mlreg_dagster.governance.decisions.authority import DecisionRefused, key_of
from mlreg_dagster.governance.people import entries
from mlreg_dagster.governance.policy.adoption import AdoptionRefused, adopt
from mlreg_dagster.governance.policy.in_force import rules_now
from mlreg_dagster.registry import Attribution, Decision, Entry, Registry
from mlreg_dagster_tests.governance.people.conftest import START, rules_with
from mlreg_dagster_tests.registry.builders import add_person

HOUR = pd.Timedelta(hours=1)
NOW = START + 24 * HOUR


def by(actor: str, reason: str = "as agreed", time=NOW) -> Attribution:
    return Attribution(actor, time, reason)


def policy_of(registry: Registry, files=None) -> PromotionSettings:
    return rules_now(registry, files or rules_with(), NOW).promotion


def test_an_entry_under_a_name_is_that_of_its_id(registry_with):
    registry = registry_with(people={"anna": {"roles": ["risk officer"]}, "bert": {}})
    anna = add_person(registry, "anna", time=NOW)
    policy = policy_of(registry)
    assert set(policy.people) == {anna, "bert"}
    assert policy.people[anna].roles == ("risk officer",)
    assert policy.person("Anna") == policy.person(anna) == anna
    assert policy.person("bert") == "bert"


def test_a_policy_keeps_its_hash_while_the_directory_changes(registry_with):
    files = rules_with(people={"anna": {"roles": ["risk officer"]}})
    registry = registry_with(people={"anna": {"roles": ["risk officer"]}})
    before = registry.policy_in_force().content_sha256
    add_person(registry, "anna", time=NOW)
    rules = rules_now(registry, files, NOW)
    assert rules.content == files.content
    assert registry.policy_in_force().content_sha256 == before
    assert "unlisted_actors" not in files.content["promotion"]


def test_an_id_alone_has_the_roles_and_key_of_the_directory_as_of_the_adoption(registry_with, keys):
    registry = registry_with()
    anna = add_person(registry, "anna", roles=("risk officer",), public_key=keys["anna"][1], time=START)
    files = rules_with(people={anna: {}, "bert": {}})
    adopt(registry, files, by(anna, time=START + HOUR))
    later = Entry("anna", None, ("owner",), keys["mallory"][1])
    registry.correct_person(anna, later, by("bert"), expected=1)
    entry = policy_of(registry, files).people[anna]
    assert (entry.roles, entry.public_key) == (("risk officer",), keys["anna"][1])


def test_an_entry_with_its_own_key_is_not_that_of_the_directory(registry_with, keys):
    registry = registry_with()
    anna = add_person(registry, "anna", public_key=keys["mallory"][1], time=START)
    files = rules_with(people={anna: {"public_key": keys["anna"][1]}})
    adopt(registry, files, by(anna, time=START + HOUR))
    assert policy_of(registry, files).people[anna] == Person(public_key=keys["anna"][1])


def test_the_entry_of_an_id_goes_before_one_of_the_name(registry_with):
    registry = registry_with()
    anna = add_person(registry, "anna", time=START)
    content = rules_with(people={"anna": {"roles": ["developer"]}, anna: {"roles": ["owner"]}}).content
    from mlreg_dagster.governance.people.identified import identified

    policy = identified(PromotionSettings.model_validate(content["promotion"]), registry, NOW)
    assert policy.people == {anna: Person(roles=("owner",))}


def test_a_policy_with_names_of_the_directory_is_not_adopted(registry_with):
    registry = registry_with()
    anna = add_person(registry, "anna", contact="anna@bank.example", time=START)
    with pytest.raises(AdoptionRefused, match=anna) as refused:
        adopt(registry, rules_with(people={"anna": {}}), by(anna))
    assert "anna" not in str(refused.value)
    adopt(registry, rules_with(people={anna: {}}), by(anna))
    assert registry.policy_in_force().actor == anna


def test_roles_of_ids_alone_are_not_missed_before_the_directory_is_asked():
    named = PromotionSettings.model_validate({"people": {"p-7k2m9q4x": {}}, "low": {"roles": ["owner"]}})
    assert named.unmet("low") is None
    known = PromotionSettings.model_validate({"people": {"p-7k2m9q4x": {"roles": ["x"]}}, "low": {"roles": ["owner"]}})
    assert "nobody" in (known.unmet("low") or "")


def test_an_approval_under_a_name_and_one_under_the_id_are_of_one_person(registry_with):
    registry = registry_with(people={"anna": {}, "bert": {}})
    old = Decision(1, "approval", "v1", "a" * 64, 3, "anna", "fine", (), None, START, None, None)
    anna = add_person(registry, "anna", time=NOW)
    new = replace(old, id=2, actor=anna, kind="rejection", recorded_at=NOW)
    standing = counting.standing([old, new], policy_of(registry))
    assert {name: each.kind for name, each in standing.items()} == {anna: "rejection"}


def test_a_person_who_is_not_among_people_is_not_invited_to_take_another_name(registry_with):
    registry = registry_with(people={"anna": {}})
    anna = add_person(registry, "anna", time=NOW)
    with pytest.raises(DecisionRefused, match=anna) as refused:
        key_of("mallory", policy_of(registry), None)
    assert "--actor" not in str(refused.value)


def test_a_signature_counts_after_the_name_was_erased(registry_with, keys):
    registry = registry_with()
    anna = add_person(registry, "anna", public_key=keys["anna"][1], time=START)
    bert = registry.add_person(Entry("bert"), by("anna", time=START)).person
    files = rules_with(people={anna: {}, bert: {}})
    adopt(registry, files, by(bert, time=START + HOUR))
    unsigned = Decision(1, "approval", "v1", "a" * 64, 3, anna, "fine", (), None, START, None, None)
    text = signing.decision_message(unsigned)
    signature = signing.sign(signing.read_key(keys["anna"][0]), text)
    entries.erase(registry, anna, by(bert), policy_of(registry, files))
    assert counting.may_decide(anna, signature, text, policy_of(registry, files))
    assert not counting.may_decide(anna, None, text, policy_of(registry, files))
