"""Every column of every table, edited in turn: found each time, the record named, and no traceback anywhere."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from mlreg_dagster.registry import Attribution, Registry, RegistryError
from mlreg_dagster.registry.audit import AUDITED
from mlreg_dagster.registry.database.schema import SCHEMA_VERSION, audit_log
from mlreg_dagster_tests.postgres import schema_of_its_own
from mlreg_dagster_tests.registry.builders import (
    NOW,
    add_person,
    decide_on_drift,
    evaluate,
    move,
    open_incident,
    raise_alert,
    register,
    roll_out,
    shift,
    split,
    suspend,
)
from mlreg_dagster_tests.registry.test_audit import decide, sql_past

pytestmark = pytest.mark.slow

HOUR = pd.Timedelta(hours=1)
TABLES = {**AUDITED, audit_log.name: audit_log}
COLUMNS = [(table.name, column.name) for table in TABLES.values() for column in table.columns]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request):
    """One database for all edits: each is undone."""
    if request.param == "sqlite":
        memory = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None  # hundreds of commits need no disk
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            yield f"sqlite:///{folder}/registry.db"
    else:
        yield schema_of_its_own(request.getfixturevalue("postgres_server"))


@pytest.fixture(scope="module")
def registry(url):
    """A registry with rows in every table, and no column that is empty in all of them."""
    registry = Registry(url, lambda: ({"promotion": {"low": 1}}, NOW))
    for version in ("v1", "v2"):
        register(registry, version)
        known = {"holdout_day": "2017-12-19", "code_sha256": "c" * 64}
        evaluate(registry, version, departures=["the seed was 1"], **known)
        evaluate(registry, version, **known)
    decide(registry, "v1", run_id="run-3", signature="c2lnbmVk", evaluation_id=2)
    decide(registry, "v2", "exception", waives=["freeze"], expires_at=NOW + HOUR, run_id="run-3", signature="c2ln")
    registry.withdraw(2, Attribution("carla", NOW, "was wrong", "run-4"), signature="c2ln")
    move(registry, "v1", None, run_id="run-5")
    move(registry, "v2", "v1", run_id="run-5", time=NOW + HOUR)
    registry.take_back("champion", 2, Attribution("carla", NOW, "clock was ahead", "run-6"))
    asked = Attribution("eve", NOW, "please", "run-7")
    registry.record_refusal("champion", registry.version("v1"), "refuse", "no", asked)
    registry.record_restore({"lost": 1}, Attribution("carla", NOW, "the disk died", "run-8"))
    decide_on_drift(registry, threshold={"threshold": 0.5}, leave_out=["2026-01-30"], run="run-8")
    roll_out(registry, "v2", run="run-8", time=NOW + 2 * HOUR)
    shift(registry, split("full", 10_000), run="run-8", time=NOW + 2 * HOUR)
    suspend(registry, time=NOW + 2 * HOUR, run="run-8", signature="c2ln")
    raise_alert(registry, run="run-8")
    open_incident(registry, run="run-8")
    registry.record_attempt(registry.undelivered_messages()[0], "unavailable", "no answer", NOW)
    first = registry.policy_in_force()
    by = Attribution("anna", NOW, "more strict", "run-9")
    registry.approve_policy("a" * 64, first.content_sha256, by, signature="c2ln")
    registry.adopt_policy(
        {"promotion": {"low": 2}}, by, expected_sha256=first.content_sha256, permit=lambda *_: ["anna"],
        signature="c2ln",
    )  # fmt: skip
    add_person(registry, public_key="c" * 43 + "=", run="run-10", sign=lambda _: "c2ln")
    assert registry.find_tampering() is None
    return registry


@pytest.fixture(scope="module")
def sql(registry):
    return sql_past(registry)


def edits(backend: str, column: sa.Column) -> dict[str, str]:
    """Kind of edit to the SQL expression that is put in the cell's place."""
    kind = column.type.impl if isinstance(column.type, sa.TypeDecorator) else column.type
    if isinstance(kind, sa.DateTime):
        found = {"value": "'1999-01-01 00:00:00.000000'"}
        if backend == "sqlite":
            found |= {
                "spelling": "replace(cell, ' ', 'T')", "spelling with zone": "cell || '+00:00'", "type": "17",
                "damage": "x'ff00'", "no time": "'yesterday'", "far future": "'99999-01-01 00:00:00.000000'",
            }  # fmt: skip
        else:
            found |= {"infinite": "'infinity'", "before Christ": "'0044-03-15 BC'"}
        return found
    if isinstance(kind, sa.JSON):
        found = {"value": "'{\"a\": 1}'", "spelling": "' ' || cell", "list": "'[1]'", "number": "'7'", "null": "'null'"}
        found["nested"] = "'" + "[" * 3000 + "]" * 3000 + "'"
        if backend == "sqlite":
            found |= {"damage": "x'ff00'", "no JSON": "'{'", "NaN": "'{\"a\": NaN}'"}
        return found
    if isinstance(kind, sa.Boolean):
        found = {"value": "NOT cell"}
        return found | ({"type": "5", "damage": "x'ff'", "text": "'yes'"} if backend == "sqlite" else {})
    if isinstance(kind, sa.Integer):
        found = {"value": "cell + 1000"}
        if backend == "sqlite" and not column.primary_key:
            found |= {"damage": "x'ff'", "text": "'one'", "fraction": "1.5"}
        return found
    found = {"value": "'mallory'", "blank": "''", "case": "upper(cell) || 'X'"}
    if backend == "sqlite":
        found |= {"type": "cast(cell AS BLOB)", "damage": "cast(x'ff' AS TEXT)", "hidden": "cell || char(0) || 'x'"}
    return found


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=[f"{table}.{column}" for table, column in COLUMNS])
def test_an_edit_is_found_and_the_record_named(registry, sql, table, column):
    engine = sa.create_engine(registry._database.url, poolclass=sa.NullPool)
    definition = TABLES[table].c[column]
    (key,) = TABLES[table].primary_key.columns
    with engine.connect() as connection:
        backend = connection.dialect.name
        number = connection.scalar(sa.select(sa.func.min(key)).where(sa.column(column).is_not(None)))
    for kind, expression in edits(backend, definition).items():
        copy = f"{table}_{column}_before"
        quoted = f'"{column}"'
        as_text = backend == "postgresql" and "'" in expression
        changed = expression.replace("cell", f"{quoted}::text" if as_text else quoted)
        if backend == "postgresql" and isinstance(_plain(definition), sa.JSON):
            changed = f"CAST({changed} AS json)"
        where = f"WHERE {key.name} = {number}"
        sql(
            f"CREATE TABLE {copy} AS SELECT {quoted} AS kept FROM {table} {where}",
            *(["PRAGMA ignore_check_constraints = ON"] if backend == "sqlite" else _without_checks(engine, table)),
            f"UPDATE {table} SET {quoted} = {changed} {where}",
        )
        found = registry.find_tampering()
        assert found is not None, f"{kind} of {table}.{column} was not found"
        assert "ecord" in found, found
        _ask_everything(registry)
        if definition.primary_key:
            sql(f"UPDATE {table} SET {quoted} = {number} WHERE {key.name} = {number + 1000}", f"DROP TABLE {copy}")
        else:
            sql(f"UPDATE {table} SET {quoted} = (SELECT kept FROM {copy}) {where}", f"DROP TABLE {copy}")
    assert registry.find_tampering() is None, f"an edit of {table}.{column} was not undone"


def _ask_everything(registry):
    """Each question has an answer or a refusal in words."""
    for ask in (
        registry.versions, registry.aliases, registry.policies, registry.refusals, registry.restores,
         registry.people, registry.person_changes,
        registry.corrections, registry.drift_decisions, registry.audit_log, registry.recorded_moves,
         registry.alert_events, registry.open_alerts, registry.undelivered_messages,
         registry.suspensions, registry.suspended, registry.incidents, lambda: registry.incident(1),
        lambda: registry.status("v1"), lambda: registry.decisions("v2"), lambda: registry.withdrawals("v2"),
        lambda: registry.holder("champion", NOW), lambda: registry.dossier("v1", "champion"),
    ):  # fmt: skip
        with suppress(RegistryError):
            ask()


def _plain(column):
    return column.type.impl if isinstance(column.type, sa.TypeDecorator) else column.type


def _without_checks(engine, table):
    """Statements that drop a table's check constraints, which an intruder would, too."""
    names = [each["name"] for each in sa.inspect(engine).get_check_constraints(table)]
    return [f"ALTER TABLE {table} DROP CONSTRAINT {name}" for name in names]


@pytest.mark.parametrize("statement", [
    "DELETE FROM schema_version", "UPDATE schema_version SET version = 2", "INSERT INTO schema_version VALUES (99)",
])  # fmt: skip
def test_another_schema_than_that_of_the_tables_is_refused_in_words(registry, sql, statement):
    sql(statement)
    with pytest.raises(RegistryError, match="schema"):
        Registry(str(registry._database.url.render_as_string(hide_password=False))).versions()
    sql("DELETE FROM schema_version", f"INSERT INTO schema_version VALUES ({SCHEMA_VERSION})")
