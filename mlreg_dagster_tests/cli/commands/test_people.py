"""`mlreg people`: names for readers, ids for everything that is kept."""

import json
import os
import re
from pathlib import Path

import dagster as dg
import pytest

from mlreg_dagster.orchestration.instance.audit_anchors import witnessed_heads
from mlreg_dagster.orchestration.instance.person_events import erased_people
from mlreg_dagster_tests.commands import refused

ZOE = ("--name", "zoe quux", "--contact", "zoe.quux@bank.example", "--role", "risk officer")


@pytest.fixture
def zoe(on_trained, registry) -> str:
    """The id of a second person; anna, who acts, is the first."""
    assert on_trained("people", "add", "--name", "anna").code == 0
    assert on_trained("people", "add", *ZOE).code == 0
    return registry.people()[1].id


def test_people_are_added_corrected_and_erased_and_the_chain_verifies(on_trained, registry, zoe, own_home):
    shown = on_trained("people", "list").out
    assert f"zoe quux ({zoe})" in shown
    listed = json.loads(on_trained("people", "list", "--json").out)["people"]
    assert [each["name"] for each in listed] == ["anna", "zoe quux"]
    assert on_trained("people", "correct", zoe, "--name", "zoe corge").code == 0
    assert f"zoe corge ({zoe})" in on_trained("people", "whois", zoe).out
    refused(on_trained("people", "erase", zoe, "--reason", "left"), "--yes")
    refused(on_trained("people", "erase", zoe, "--reason", "Zoe Corge left", "--yes"), "write the id in its place")
    on_trained("env")  # nothing of the run before is open
    (own_home / "bundles" / "old").mkdir(parents=True)
    (own_home / "bundles" / "old" / "card.md").write_text("approved by zoe corge")
    answer = json.loads(on_trained("people", "erase", zoe, "--reason", "left", "--yes", "--json").out)
    assert answer["person"] == zoe
    assert [Path(each["file"]).name for each in answer["files"] if each["certain"]] == ["card.md"]
    assert f"{zoe} (erased)" in on_trained("people", "list").out
    assert on_trained("audit", "verify").code == 0
    assert registry.find_tampering() is None
    assert not any(re.search(rb"corge|quux", file.read_bytes(), re.I) for file in _files(own_home, but="bundles"))


def _files(folder: Path, but: str):
    return [file for file in folder.rglob("*") if file.is_file() and but not in file.relative_to(folder).parts]


def test_dagster_is_witness_of_each_change_and_of_who_was_erased(on_trained, registry, zoe):
    on_trained("people", "erase", zoe, "--reason", "left", "--yes")
    with dg.DagsterInstance.get() as instance:
        assert registry.audit_head() in witnessed_heads(instance)
        assert erased_people(instance) == {zoe}


@pytest.mark.slow
def test_decisions_are_kept_by_id_and_read_with_names(on_trained, registry, zoe, dagster_home):
    answer = on_trained("reject", "v1", "--reason", f"{zoe} found it too noisy", "--actor", "zoe quux")
    assert f"zoe quux ({zoe})" in answer.out
    assert registry.decisions("v1")[0].actor == zoe
    facts = json.loads(on_trained("decisions", "v1", "--json").out)["decisions"]
    assert facts[0]["actor"] == zoe
    assert f"zoe quux ({zoe})" in on_trained("promote", "v1", "--reason", "please").err  # a refusal is read, too
    assert f"zoe quux ({zoe})" in on_trained("decisions", "v1").out
    on_trained("people", "correct", zoe, "--name", "zoe corge")
    assert f"zoe corge ({zoe})" in on_trained("decisions", "v1").out
    kept = [file for file in dagster_home.rglob("*") if file.is_file()]
    assert any(zoe.encode() in file.read_bytes() for file in kept)
    assert not any(b"quux" in file.read_bytes() for file in kept)


def test_a_file_is_read_with_names_and_stays_as_it_is(on_trained, zoe, tmp_path):
    file = tmp_path / "card.md"
    file.write_text(f"approved by {zoe}\n")
    assert on_trained("people", "read", str(file)).out == f"approved by zoe quux ({zoe})\n"
    assert file.read_text() == f"approved by {zoe}\n"


@pytest.mark.slow
def test_an_unlisted_approver_is_not_invited_to_be_another(on_trained, registry, zoe):
    folder = Path(os.environ["MLREG_CONFIG_DIR"])
    (folder / "promotion.yaml").write_text(f"people:\n  {zoe}: {{}}\n  {registry.people()[0].id}: {{}}\n")
    assert on_trained("policy", "adopt", "--reason", "people by ids").code == 0
    answer = on_trained("approve", "v1", "--reason", "looks fine", "--actor", "mallory")
    refused(answer, "mallory may not decide")
    assert "--actor" not in answer.err
    assert f"zoe quux ({zoe})" in answer.err


@pytest.mark.slow
def test_doctor_says_when_an_older_copy_brings_a_name_back(on_trained, registry, zoe, own_home, tmp_path):
    registry.copy_to(tmp_path / "older.sqlite")
    on_trained("people", "erase", zoe, "--reason", "left", "--yes")
    (tmp_path / "older.sqlite").replace(own_home / "registry.sqlite")
    answer = on_trained("doctor")
    assert f"mlreg people erase {zoe} --yes" in answer.out
    assert on_trained("restore", "--reason", "the disk died").code == 0
    assert registry.directory().people[zoe].is_erased
    assert "none of their names is back" in on_trained("doctor").out
