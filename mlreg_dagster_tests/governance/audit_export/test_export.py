"""Exports of real registries, on SQLite and on PostgreSQL: their lines, their schema, and rewrites in the database."""

import json

import jsonschema
import pytest

from mlreg_dagster.governance.audit_export import lines
from mlreg_dagster.governance.audit_export.export import head_of
from mlreg_dagster.governance.audit_export.verification import published_in, restore_in, verify
from mlreg_dagster.governance.audit_export.witnesses import ContradictsHead, chain_of, confirmed
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.registry.audit import _hash
from mlreg_dagster_tests.governance.audit_export.builders import KEY, NOW, lines_of, write
from mlreg_dagster_tests.registry.builders import move
from mlreg_dagster_tests.registry.test_audit import sql_past

SCHEMA = json.loads(lines.shipped_schema())


@pytest.fixture
def filled(registry: Registry) -> Registry:
    """With two moves, a policy that names people, and a restore."""
    move(registry, "v1", None)
    move(registry, "v2", "v1", reason="näher — 100 %\n”quoted”")
    people = {"anna": {"roles": [], "public_key": "A" * 43 + "="}, "bert": {"roles": [], "public_key": None}}
    registry.record_first_policy({"promotion": {"people": people}}, NOW)
    registry.record_restore({"lost_records": [[9, "f" * 64]]}, Attribution("anna", NOW, "the disk broke"))
    return registry


def test_every_record_is_in_the_file_as_it_is_hashed(filled, tmp_path):
    log = filled.audit_log()
    written = lines_of(log, key=KEY, witnesses=2)
    path = write(tmp_path / "audit.jsonl", written)
    export = verify(path)
    assert export.chain == chain_of(log)
    assert [json.loads(line)["content"] for line in written[1:-1]] == [record.content for record in log]
    assert (export.head.keys, export.head.witnesses) == ({"anna": "A" * 43 + "="}, 2)
    assert export.restores == tuple(filled.restores()) == (restore_in(log[-1]),)
    assert b"".join(written).isascii()


def test_every_line_is_as_the_schema_says(filled):
    log = filled.audit_log()
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.check_schema(SCHEMA)
    for line in (*lines_of(log), *lines_of(log, key=KEY), *lines_of([])):
        validator.validate(json.loads(line))
        for name in json.loads(line):
            fields = json.loads(line)
            assert not validator.is_valid(fields | {name: [1]}), name
            del fields[name]
            assert not validator.is_valid(fields), name
        assert not validator.is_valid(json.loads(line) | {"more": 1})


def test_the_schema_that_is_shipped_is_that_of_the_code():
    assert lines.schema() == lines.shipped_schema()


def rewrite(registry: Registry, past, name: str) -> None:
    """Another actor in every record and row that has one, with a chain that fits: by somebody who may write all."""
    previous, statements = "0" * 64, []
    for each in registry.audit_log():
        content = each.content.replace('"actor":"bob"', f'"actor":"{name}"')
        digest = _hash(each.sequence, each.kind, each.row, content, previous)
        text = content.replace("'", "''").replace("%", "%%" if registry._database.url.drivername != "sqlite" else "%")
        statements.append(
            f"UPDATE audit_log SET content = '{text}', previous_hash = '{previous}', hash = '{digest}' "
            f"WHERE sequence = {each.sequence}"
        )
        previous = digest
    past(*statements, f"UPDATE alias_events SET actor = '{name}' WHERE actor = 'bob'")


def test_a_cut_and_a_full_rewrite_of_the_database_contradict_what_was_published(registry, tmp_path):
    move(registry, "v1", None)
    move(registry, "v2", "v1")
    log = registry.audit_log()
    heads = write(tmp_path / "heads", [f"{lines.spelled(head_of(log, NOW))}\n".encode()])
    published = [published_in(heads)]
    assert confirmed(chain_of(registry.audit_log()), published).witnessed == len(log)
    past = sql_past(registry)
    rewrite(registry, past, "eve")
    assert registry.find_tampering() is None
    assert registry.history("champion")[-1].actor == "eve"
    with pytest.raises(ContradictsHead, match="cut or rewritten since"):
        confirmed(chain_of(registry.audit_log()), published)
    rewrite(registry, past, "eve")
    past("DELETE FROM alias_events WHERE sequence = 2", f"DELETE FROM audit_log WHERE sequence = {len(log)}")
    assert registry.find_tampering() is None
    with pytest.raises(ContradictsHead, match=f"the log ends at {len(log) - 1}"):
        confirmed(chain_of(registry.audit_log()), published)
