"""Names of people on SQLite and PostgreSQL: given ids, corrected, erased, and nothing else changes."""

import re
import sqlite3
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from mlreg_dagster.core.people import PERSON_ID
from mlreg_dagster.registry import Attribution, Entry, InvalidRecord, Registry, RegistryUnavailable
from mlreg_dagster.registry.audit import AUDITED
from mlreg_dagster.registry.database import sqlite
from mlreg_dagster.registry.database.schema import audit_log, people, person_changes
from mlreg_dagster_tests.registry.builders import NOW, evaluate, move, register, sha
from mlreg_dagster_tests.registry.test_audit import sql_past

KEY = "c" * 43 + "="
ZOE = Entry("Zoe Quux", "zoe.quux@bank.example", ("risk officer",), KEY)


def by(actor: str = "zoe quux", reason: str = "joined the team", **changes) -> Attribution:
    return Attribution(actor, NOW, reason, **changes)


@pytest.fixture
def registry(registry_url: str, filled_once) -> Registry:
    """One version, evaluated and passed."""
    return filled_once(registry_url, _one_version)


def _one_version(registry: Registry) -> None:
    register(registry, "v1")
    evaluate(registry, "v1")


@pytest.fixture
def zoe(registry: Registry) -> str:
    return registry.add_person(ZOE, by()).person


@pytest.fixture
def sql(registry: Registry):
    return sql_past(registry)


def entry_of(registry: Registry, person: str):
    return registry.directory().people[person]


def erase(registry: Registry, person: str) -> None:
    registry.erase_person(person, by("ben", "left the company"))


def test_people_add_themselves_under_an_id_and_the_log_holds_no_name(registry, zoe):
    assert PERSON_ID.fullmatch(zoe)
    known = entry_of(registry, zoe)
    assert (known.name, known.contact, known.roles, known.public_key) == (
        "zoe quux", "zoe.quux@bank.example", ("risk officer",), KEY,
    )  # fmt: skip
    (change,) = registry.person_changes(zoe)
    assert (change.event, change.actor, change.sequence) == ("added", zoe, 1)
    assert "quux" not in "".join(record.content for record in registry.audit_log())
    assert registry.find_tampering() is None


def test_a_name_becomes_its_id_in_every_row(registry, zoe):
    register(registry, "v2", created_by="Zoe Quux")
    assert registry.version("v2").created_by == zoe
    evaluate(registry, "v2", actor="zoe quux")
    assert registry.latest_evaluation("v2").actor == zoe
    move(registry, "v2", None, actor="zoe  quux")
    assert registry.holder("champion", NOW).actor == zoe
    assert registry.find_tampering() is None


@pytest.mark.usefixtures("zoe")
def test_a_signature_of_a_name_that_has_an_id_is_refused(registry):
    with pytest.raises(InvalidRecord, match="Sign with the id"):
        registry.decide("approval", "v1", by(), artifact_sha256=sha("v1"), signature="c2ln")


@pytest.mark.parametrize("reason", ["Zoe  QUUX asked for it", "ask zoe.quux@bank.example", "(zoe quux)"])
def test_a_reason_that_holds_a_name_is_refused_without_repeating_it(registry, zoe, reason):
    with pytest.raises(InvalidRecord, match=zoe) as refused:
        move(registry, "v1", None, reason=reason)
    assert "quux" not in str(refused.value).lower()
    assert registry.holder("champion", NOW) is None


@pytest.mark.parametrize("reason", ["zoe quuxley asked", "zoe asked", "azoe quux"])
@pytest.mark.usefixtures("zoe")
def test_a_reason_with_other_words_is_kept(registry, reason):
    move(registry, "v1", None, reason=reason)


@pytest.mark.usefixtures("zoe")
def test_automatic_actors_write_what_they_write(registry):
    move(registry, "v1", None, actor="automation", reason="zoe quux")
    assert registry.holder("champion", NOW).actor == "automation"


def test_a_correction_replaces_the_name_and_nothing_else(registry, zoe):
    registry.correct_person(zoe, Entry("zoe corge", None, ZOE.roles, KEY), by("ben", "married"), expected=1)
    assert entry_of(registry, zoe).name == "zoe corge"
    assert [each.event for each in registry.person_changes(zoe)] == ["added", "corrected"]
    with pytest.raises(InvalidRecord, match="changed meanwhile"):
        registry.correct_person(zoe, ZOE, by("ben"), expected=1)
    assert registry.find_tampering() is None


def test_a_name_belongs_to_one_person(registry, zoe):
    with pytest.raises(InvalidRecord, match=zoe):
        registry.add_person(Entry("ZOE  quux"), by("ben"))
    other = registry.add_person(Entry("ben"), by("ben")).person
    with pytest.raises(InvalidRecord, match=zoe):
        registry.correct_person(other, Entry("zoe quux"), by(), expected=1)


@pytest.mark.parametrize("name", ["automation", "p-7k2m9q4x", " ", "nobody", "zoë"])
def test_what_can_not_be_a_name_is_refused(registry, name):
    with pytest.raises(InvalidRecord):
        registry.add_person(Entry(name), by("ben"))
    assert registry.people() == []


def test_an_erasure_leaves_id_roles_and_key(registry, zoe):
    erase(registry, zoe)
    known = entry_of(registry, zoe)
    assert (known.name, known.contact, known.roles, known.public_key) == (None, None, ("risk officer",), KEY)
    newest = registry.person_changes(zoe)[-1]
    assert (newest.event, newest.entry_sha256) == ("erased", None)
    with pytest.raises(InvalidRecord, match="erased"):
        registry.correct_person(zoe, ZOE, by("ben"), expected=2)
    registry.erase_person(zoe, by("ben"))
    assert len(registry.person_changes(zoe)) == 2
    assert registry.find_tampering() is None


def test_the_name_is_free_after_an_erasure(registry, zoe):
    erase(registry, zoe)
    assert registry.add_person(ZOE, by()).person != zoe


def test_nothing_but_the_entry_changes_when_a_name_is_corrected_and_erased(registry, registry_url, zoe):
    move(registry, "v1", None, actor="zoe quux")
    before, chain = rows(registry_url), registry.audit_log()
    registry.correct_person(zoe, Entry("zoe corge"), by("ben", "married"), expected=1)
    erase(registry, zoe)
    after = rows(registry_url)
    grown = {audit_log.name, person_changes.name}
    assert {name for name in before if before[name] != after[name]} == {people.name, *grown}
    for name in grown:
        assert after[name][: len(before[name])] == before[name]
        assert len(after[name]) == len(before[name]) + 2
    assert registry.find_tampering([(link.sequence, link.hash) for link in chain]) is None


def rows(url: str) -> dict[str, list[str]]:
    """Every row of every table, as the database keeps it."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    tables = [*AUDITED.values(), audit_log, people]
    with engine.connect() as connection:
        return {table.name: [repr(tuple(row)) for row in _all(connection, table)] for table in tables}


def _all(connection: sa.Connection, table: sa.Table) -> sa.CursorResult:
    (key,) = table.primary_key.columns
    return connection.exec_driver_sql(f"SELECT * FROM {table.name} ORDER BY {key.name}")


@pytest.mark.parametrize("edit", [
    "UPDATE people SET name = 'mallory'", "UPDATE people SET contact = 'mallory@evil.example'",
    "UPDATE people SET contact = NULL", "UPDATE people SET name = NULL, contact = NULL, salt = NULL",
    "UPDATE people SET salt = 'zz'", "DELETE FROM people",
    "INSERT INTO people (person, name) VALUES ('p-00000000', 'x')",
])  # fmt: skip
@pytest.mark.usefixtures("zoe")
def test_an_entry_that_is_edited_past_the_registry_is_found(registry, sql, edit):
    sql(edit)
    found = registry.find_tampering()
    assert found is not None
    assert "directory of people" in found


@pytest.mark.parametrize("edit", ["name = 'zoe quux'", "salt = 'aa'", "contact = 'x'"])
def test_an_erased_entry_that_is_filled_again_is_found(registry, zoe, sql, edit):
    erase(registry, zoe)
    sql(f"UPDATE people SET {edit}")
    assert zoe in (registry.find_tampering() or "")


def test_the_file_holds_no_byte_of_a_name_that_was_erased(tmp_path):
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    kept = [registry.add_person(Entry(f"person {number}", "x" * 900), by("person 0")).person for number in range(20)]
    person = registry.add_person(ZOE, by()).person
    assert holding(tmp_path, "quux"), "the search finds it while it is there"
    registry.correct_person(person, Entry("zoe corge"), by("ben", "married"), expected=1)
    assert not holding(tmp_path, "quux")
    registry.erase_person(person, by("ben", "left"))
    registry.erase_person(kept[3], by("ben", "left"))
    assert not holding(tmp_path, "corge")
    assert not holding(tmp_path, "person 3x")
    assert holding(tmp_path, "person 4x")


def test_a_file_with_a_write_ahead_log_holds_no_byte_either(tmp_path):
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    registry.versions()
    engine = sa.create_engine(f"sqlite:///{tmp_path}/registry.db", poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.exec_driver_sql("SELECT count(*) FROM people").all()  # keeps the log from being removed
        person = registry.add_person(ZOE, by()).person
        assert [file.suffix for file in holding(tmp_path, "quux")] == [".db-wal"]
        registry.erase_person(person, by("ben", "left"))
        assert not holding(tmp_path, "quux")


def test_a_name_is_overwritten_at_once_also_where_the_file_can_not_be_rewritten(tmp_path, monkeypatch):
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    person = registry.add_person(ZOE, by()).person

    def busy(_):
        raise DBAPIError("VACUUM", None, sqlite3.OperationalError("database is locked"))

    monkeypatch.setattr(sqlite, "forget_overwritten", busy)
    with pytest.raises(RegistryUnavailable, match=r"The change is stored.*repeat the command"):
        registry.erase_person(person, by("ben", "left"))
    assert entry_of(registry, person).is_erased
    assert not holding(tmp_path, "quux")


def holding(folder: Path, text: str) -> list[Path]:
    pattern = re.compile(text.encode(), re.IGNORECASE)
    return [file for file in folder.rglob("*") if file.is_file() and pattern.search(file.read_bytes())]


def test_who_acts_is_named_by_id(registry, zoe, caplog):
    assert registry.acting("Zoe Quux") == zoe
    assert registry.acting(zoe) == zoe
    assert registry.acting("automation") == "automation"
    assert not caplog.records
    stranger = f"stranger {uuid.uuid4()}"  # each is told of once
    assert registry.acting(stranger) == stranger
    assert "mlreg people add" in caplog.text
    with pytest.raises(InvalidRecord, match="no person"):
        registry.acting("p-00000000")
    erase(registry, zoe)
    with pytest.raises(InvalidRecord, match="erased"):
        registry.acting(zoe)


def test_every_name_acts_while_the_directory_is_empty(registry, caplog):
    assert registry.acting("Eve") == "eve"
    assert registry.acting("p-00000000") == "p-00000000"
    assert not caplog.records


def test_names_that_are_not_in_the_directory_are_refused_where_the_policy_says_so(registry_url):
    registry = Registry(registry_url, lambda: ({"promotion": {"unlisted_actors": "refuse"}}, NOW))
    assert registry.acting("eve") == "eve"
    registry.add_person(ZOE, by())
    with pytest.raises(InvalidRecord, match="unlisted_actors") as refused:
        registry.acting("eve")
    assert "--actor" not in str(refused.value)
    assert registry.acting("automation") == "automation"


def test_a_copy_carries_the_directory(registry, zoe, tmp_path):
    gone = registry.add_person(Entry("ben"), by("ben")).person
    erase(registry, gone)
    registry.copy_to(tmp_path / "copy.db")
    copy = Registry(f"sqlite:///{tmp_path}/copy.db")
    assert copy.people() == registry.people()
    assert copy.find_tampering([registry.audit_head()]) is None
    again = Registry(f"sqlite:///{tmp_path}/again.db")
    again.load_from(tmp_path / "copy.db")
    assert again.people() == registry.people()
    assert again.add_person(Entry("carla"), by("carla")).person not in {zoe, gone}


@pytest.mark.usefixtures("zoe")
def test_a_server_that_a_copy_was_loaded_into_takes_further_people(registry, tmp_path, request):
    if registry._database.url.get_backend_name() == "sqlite":
        pytest.skip("counts rows by itself")
    from mlreg_dagster_tests.postgres import schema_of_its_own

    registry.copy_to(tmp_path / "copy.db")
    server = Registry(schema_of_its_own(request.getfixturevalue("postgres_server")))
    server.load_from(tmp_path / "copy.db")
    server.add_person(Entry("carla"), by("carla"))
    assert [person.name for person in server.people()] == ["zoe quux", "carla"]
