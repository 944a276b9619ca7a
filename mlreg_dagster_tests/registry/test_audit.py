"""The audit log on SQLite and on PostgreSQL: what is done with plain SQL is found, and the first broken link named."""

import json
from collections.abc import Callable

import pandas as pd
import pytest
import sqlalchemy as sa

from mlreg_dagster.registry import Attribution, Registry, RegistryError
from mlreg_dagster.registry.audit import _hash
from mlreg_dagster_tests.registry.builders import NOW, evaluate, move, register, sha

HOUR = pd.Timedelta(hours=1)


def decide(registry: Registry, version: str, kind="approval", **changes):
    by = Attribution("carla", changes.pop("recorded_at", NOW), "looked at it", changes.pop("run_id", None))
    return registry.decide(kind, version, by, **{"artifact_sha256": sha(version)} | changes)


@pytest.fixture
def registry(registry_url: str, filled_once) -> Registry:
    """Nine records: two versions, three evaluations, two decisions, two moves."""
    return filled_once(registry_url, _nine_records)


def _nine_records(registry: Registry) -> None:
    for version in ("v1", "v2"):
        register(registry, version)
        evaluate(registry, version)
    evaluate(registry, "v2", metrics={"silhouette": 0.1 + 0.2, "unknown": None}, run_id="run-3")
    decide(registry, "v1")
    decide(registry, "v2", "exception", waives=["freeze"], expires_at=NOW + HOUR)
    move(registry, "v1", None)
    move(registry, "v2", "v1")


@pytest.fixture
def sql(registry: Registry) -> Callable[..., None]:
    return sql_past(registry)


def sql_past(registry: Registry) -> Callable[..., None]:
    """Plain SQL by somebody who knows how to get rid of the triggers."""
    url = sa.make_url(str(registry._database.url.render_as_string(hide_password=False)))
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    def execute(*statements: str) -> None:
        with engine.begin() as connection:
            if url.get_backend_name() == "sqlite":
                triggers = connection.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
                for name in triggers:
                    connection.exec_driver_sql(f"DROP TRIGGER {name}")
            else:
                connection.exec_driver_sql("SET session_replication_role = replica")
            for statement in statements:
                connection.exec_driver_sql(statement)

    return execute


def test_every_row_has_its_record_and_all_fits(registry):
    log = registry.audit_log()
    kinds = ["model_versions", "evaluations"] * 2 + ["evaluations", "decisions", "decisions", "alias_events"]
    assert [link.kind for link in log] == [*kinds, "alias_events"]
    assert [link.sequence for link in log] == list(range(1, 10))
    assert registry.find_tampering() is None
    assert registry.find_tampering([(link.sequence, link.hash) for link in log]) is None
    assert registry.audit_head() == (log[-1].sequence, log[-1].hash)


def test_a_record_tells_the_whole_row(registry):
    told = json.loads(registry.audit_log()[6].content)
    assert told | {"id": 2, "run_id": None} == {
        "id": 2,
        "kind": "exception",
        "version": "v2",
        "artifact_sha256": sha("v2"),
        "evaluation_id": None,
        "actor": "carla",
        "reason": "looked at it",
        "lifts": ["freeze"],
        "expires_at": "2018-01-01T01:00:00+00:00",
        "recorded_at": "2018-01-01T00:00:00+00:00",
        "run_id": None,
        "signature": None,
    }


def test_what_was_refused_leaves_no_record(registry):
    before = registry.audit_log()
    with pytest.raises(RegistryError):
        move(registry, "v1", "v1")
    with pytest.raises(RegistryError):
        register(registry, "v1")
    assert registry.audit_log() == before
    assert registry.find_tampering() is None


ROW = "id, alias, sequence, version, previous_version, artifact_sha256, evaluation_id, effective_at, recorded_at, "
ROW += "actor, reason, run_id, evidence"
TAMPERING = {
    "edited version": (
        ["UPDATE model_versions SET created_by = 'eve' WHERE number = 2"],
        "Record 3 .*model_versions 2",
    ),
    "edited manifest": (["UPDATE model_versions SET manifest = '{}' WHERE number = 1"], "Record 1 .*it was edited"),
    "edited evaluation": (["UPDATE evaluations SET metrics = '{}' WHERE id = 3"], "Record 5 .*it was edited"),
    "forged gates": (["UPDATE evaluations SET gates = '[]' WHERE id = 1"], "Record 2 .*it was edited"),
    "approval moved to another version": (
        [f"UPDATE decisions SET version = 'v2', artifact_sha256 = '{sha('v2')}' WHERE id = 1"],
        "Record 6 .*decisions 1",
    ),
    "approval of other bytes": (
        [f"UPDATE decisions SET artifact_sha256 = '{sha('other')}' WHERE id = 1"],
        "Record 6 .*decisions 1",
    ),
    "exception without end": (["UPDATE decisions SET expires_at = '2099-01-01' WHERE id = 2"], "Record 7 "),
    "replayed approval": (
        [
            "INSERT INTO decisions SELECT 3, kind, version, artifact_sha256, evaluation_id, actor, reason, lifts, "
            "expires_at, recorded_at, run_id, signature FROM decisions WHERE id = 1"
        ],
        "decisions 3 has no record",
    ),
    "moved in the past": (["UPDATE alias_events SET effective_at = '2017-01-01' WHERE id = 1"], "Record 8 "),
    "inserted move": (
        [
            f"INSERT INTO alias_events ({ROW}) SELECT 3, alias, 3, 'v1', 'v2', '{sha('v1')}', 1, effective_at, "
            "recorded_at, actor, reason, run_id, evidence FROM alias_events WHERE id = 2"
        ],
        "alias_events 3 has no record",
    ),
    "deleted move": (["DELETE FROM alias_events WHERE id = 2"], "Record 9 .*not there any more"),
    "deleted decision": (["DELETE FROM decisions WHERE id = 2"], "Record 7 .*not there any more"),
    "edited record": (["UPDATE audit_log SET content = '{}' WHERE sequence = 4"], "Record 4 .*was changed"),
    "row and record edited alike": (
        [
            "UPDATE decisions SET actor = 'eve' WHERE id = 1",
            "UPDATE audit_log SET content = replace(content, 'carla', 'eve') WHERE sequence = 6",
        ],
        "Record 6 .*was changed",
    ),
    "deleted record": (["DELETE FROM audit_log WHERE sequence = 5"], "Record 5 is missing: after 4 comes 6"),
    "deleted row and record": (
        ["DELETE FROM alias_events WHERE id = 1", "DELETE FROM audit_log WHERE sequence = 8"],
        "Record 8 is missing: after 7 comes 9",
    ),
    "gap closed": (
        ["DELETE FROM audit_log WHERE sequence = 8", "UPDATE audit_log SET sequence = 8 WHERE sequence = 9"],
        "Record 8 .*does not follow",
    ),
    "reordered records": (
        [
            "UPDATE audit_log SET sequence = 100 WHERE sequence = 2",
            "UPDATE audit_log SET sequence = 2 WHERE sequence = 3",
            "UPDATE audit_log SET sequence = 3 WHERE sequence = 100",
        ],
        "Record 2 .*does not follow",
    ),
    "reordered rows": (
        [
            "UPDATE decisions SET id = 100 WHERE id = 1",
            "UPDATE decisions SET id = 1 WHERE id = 2",
            "UPDATE decisions SET id = 2 WHERE id = 100",
        ],
        "Record 6 .*it was edited",
    ),
    "newest record removed": (["DELETE FROM audit_log WHERE sequence = 9"], "alias_events 2 has no record"),
    "all records removed": (["DELETE FROM audit_log"], "model_versions 1 has no record"),
}


@pytest.mark.parametrize(("statements", "message"), TAMPERING.values(), ids=TAMPERING)
def test_what_was_done_with_plain_sql_is_found_and_the_first_broken_record_named(registry, sql, statements, message):
    sql(*statements)
    found = registry.find_tampering()
    assert found is not None
    assert pd.Series([found]).str.contains(message).all(), found


def test_a_removed_tail_is_found_by_a_witness(registry, sql):
    head = registry.audit_log()[-1]
    sql("DELETE FROM alias_events WHERE id = 2", "DELETE FROM audit_log WHERE sequence = 9")
    assert registry.find_tampering() is None
    assert registry.holder("champion").version == "v1"
    found = registry.find_tampering([(head.sequence, head.hash)])
    assert found.startswith(f"Record 9 was witnessed with hash {head.hash}, but it is missing: the log ends at 8.")


def test_a_log_that_was_written_anew_is_found_by_a_witness(registry, sql):
    log = registry.audit_log()
    forged = log[8].content.replace("better recall", "a bribe")
    recomputed = _hash(9, "alias_events", 2, forged, log[7].hash)
    sql(
        "UPDATE alias_events SET reason = 'a bribe' WHERE id = 2",
        f"UPDATE audit_log SET hash = '{recomputed}', content = replace(content, 'better recall', 'a bribe') "
        "WHERE sequence = 9",
    )
    assert registry.find_tampering() is None
    assert "Record 9 was witnessed with hash" in registry.find_tampering([(9, log[8].hash)])


def test_the_log_itself_can_only_be_added_to(registry):
    engine = sa.create_engine(registry._database.url, poolclass=sa.NullPool)
    for statement in ("UPDATE audit_log SET hash = 'x'", "DELETE FROM audit_log WHERE sequence = 9"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(statement)
    assert registry.find_tampering() is None
