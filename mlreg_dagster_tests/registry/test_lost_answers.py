"""What the network may lose between a registry and its PostgreSQL server, and what two tries of one run leave."""

import pytest
import sqlalchemy as sa

from mlreg_dagster.core.errors import TransientError
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.registry import Attribution, Registry, RegistryUnavailable
from mlreg_dagster.registry.database import postgres
from mlreg_dagster.registry.errors import AliasConflict, CommitUnanswered, RegistryBusy, RegistryReadOnly
from mlreg_dagster_tests.registry.builders import NOW, START, evaluate, move, register, sha
from mlreg_dagster_tests.registry.proxy import before

pytestmark = pytest.mark.slow


@pytest.fixture
def proxied(postgres_url):
    """A proxy before a registry in which v1 and v2 passed their gates; the registry through it, and past it."""
    direct = Registry(postgres_url)
    for version in ("v1", "v2"):
        register(direct, version)
        evaluate(direct, version, run_id=f"run of {version}")
    with before(postgres_url) as (proxy, url):
        through = Registry(url)
        through.versions()
        yield proxy, through, direct


def decide(registry, **changes):
    by = Attribution("carla", changes.get("recorded_at", NOW), "looked", changes.get("run_id", "run-d"))
    return registry.decide("approval", "v1", by, artifact_sha256=sha("v1"))


WRITES = {
    "move": (lambda registry, now: move(registry, "v1", None, time=now, run_id="run-m"), "recorded_moves"),
    "evaluation": (lambda registry, now: evaluate(registry, "v1", recorded_at=now, run_id="run-e"), "evaluations"),
    "decision": (lambda registry, now: decide(registry, recorded_at=now), "decisions"),
    "version": (lambda registry, now: register(registry, "v3", created_at=now, run_id="run-v"), "versions"),
}


def stored(registry, what):
    ask = getattr(registry, WRITES[what][1])
    return ask("v1") if what in ("evaluation", "decision") else ask()


# --- the answer to COMMIT ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", WRITES)
def test_a_commit_whose_answer_is_lost_was_stored_once_and_is_given_back(proxied, what):
    proxy, through, direct = proxied
    known = len(stored(direct, what))
    proxy.lose = "answer"
    record = WRITES[what][0](through, NOW)
    assert proxy.lose is None  # it was lost
    assert len(stored(direct, what)) == known + 1
    assert stored(direct, what)[-1] == record
    assert direct.find_tampering() is None


@pytest.mark.parametrize("what", WRITES)
def test_a_commit_that_never_arrived_was_not_stored_and_says_so(proxied, what):
    proxy, through, direct = proxied
    known = len(stored(direct, what))
    proxy.lose = "commit"
    with pytest.raises(RegistryUnavailable, match="Nothing was stored") as caught:
        WRITES[what][0](through, NOW)
    assert not isinstance(caught.value, CommitUnanswered)
    assert len(stored(direct, what)) == known
    WRITES[what][0](through, NOW)
    assert len(stored(direct, what)) == known + 1


@pytest.mark.parametrize("loses", ["answer", "commit"])
@pytest.mark.parametrize("what", WRITES)
def test_where_nobody_can_be_asked_it_is_unknown_and_a_second_try_of_the_run_ends_well(proxied, what, loses):
    proxy, through, direct = proxied
    known = len(stored(direct, what))
    proxy.lose, proxy.refuse = loses, 1
    with pytest.raises(CommitUnanswered, match="it is unknown whether it was stored") as caught:
        WRITES[what][0](through, NOW)
    assert isinstance(caught.value, TransientError)
    assert "Nothing was stored" not in str(caught.value)
    again = WRITES[what][0](through, NOW + HOUR)  # the clock has gone on
    assert len(stored(direct, what)) == known + 1
    assert stored(direct, what)[-1] == again
    assert direct.find_tampering() is None


# --- one's own run, on both databases ------------------------------------------------------------------------------


@pytest.fixture
def registry(registry_url):
    registry = Registry(registry_url)
    for version in ("v1", "v2"):
        register(registry, version)
        evaluate(registry, version, run_id=f"run of {version}")
    return registry


@pytest.mark.parametrize("what", WRITES)
def test_a_run_stores_what_it_says_once_and_another_run_as_well(registry, what):
    known = len(stored(registry, what))
    first = WRITES[what][0](registry, NOW)
    assert WRITES[what][0](registry, NOW + HOUR) == first
    assert len(stored(registry, what)) == known + 1


def test_what_is_stored_without_a_run_is_stored_each_time(registry):
    for _ in range(2):
        evaluate(registry, "v1", run_id=None)
        decide(registry, run_id=None)
    assert len(registry.evaluations("v1")) == 3
    assert len(registry.decisions("v1")) == 2


def test_another_verdict_or_another_run_is_another_evaluation(registry):
    evaluate(registry, "v1", run_id="run-e")
    evaluate(registry, "v1", run_id="run-e", holdout_sha256=sha("another"))
    evaluate(registry, "v1", run_id="run-f", holdout_sha256=sha("another"))
    assert len(registry.evaluations("v1")) == 4


def test_a_second_try_finds_its_move_though_others_have_moved_the_alias_since(registry):
    first = move(registry, "v1", None, run_id="run-m")
    move(registry, "v2", "v1", run_id="run-n", reason="even better")
    assert move(registry, "v1", None, run_id="run-m") == first
    assert registry.holder("champion").version == "v2"
    with pytest.raises(AliasConflict):
        move(registry, "v1", None, run_id="run-o")


def test_a_second_try_finds_that_it_took_a_move_back(registry):
    move(registry, "v1", None, effective_at=START, time=NOW + 24 * HOUR)
    by = Attribution("ann", NOW, "the clock was ahead", "run-t")
    first = registry.take_back("champion", 1, by)
    assert registry.take_back("champion", 1, by) == first
    assert len(registry.corrections()) == 1


def test_a_second_try_finds_the_policy_that_it_adopted(registry):
    registry.record_first_policy({"promotion": {"automatic": "never"}}, NOW)
    asked = {
        "by": Attribution("ann", NOW, "we agreed on it", "run-p"),
        "expected_sha256": registry.policy_in_force().content_sha256, "signature": None, "permit": lambda *_: (),
    }  # fmt: skip
    first = registry.adopt_policy({"promotion": {"automatic": "better"}}, **asked)
    assert registry.adopt_policy({"promotion": {"automatic": "better"}}, **asked) == first
    assert len(registry.policies()) == 2


# --- silence -------------------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch):
    for name, seconds in {"CONNECT_S": 4, "LOCK_S": 0.3, "STATEMENT_S": 3.0, "SILENCE_S": 4.0}.items():
        monkeypatch.setattr(postgres, name, seconds)


@pytest.mark.usefixtures("impatient")
def test_a_connection_that_goes_silent_ends_in_a_time_out(proxied):
    proxy, through, direct = proxied
    asked = []

    def go_silent(_) -> None:
        asked.append(len(direct.versions()))
        proxy.lose = "all"

    with pytest.raises(RegistryUnavailable, match=r"no answer within 4\.?0? s.* Nothing was stored"):
        through.move_alias(
            "champion", "v1", Attribution("bob", NOW, "better"), expected=None, effective_at=START, permit=go_silent
        )
    assert asked
    proxy.lose = None
    assert direct.holder("champion") is None


@pytest.mark.usefixtures("impatient")
def test_a_server_that_does_not_answer_to_a_connection_ends_in_a_time_out(postgres_url):
    with before(postgres_url) as (proxy, url):
        proxy.lose = "all"
        with pytest.raises(RegistryUnavailable, match="timeout expired"):
            Registry(url).versions()


@pytest.mark.usefixtures("impatient")
def test_a_commit_into_the_silence_is_unknown_and_found_by_the_second_try(proxied):
    proxy, through, direct = proxied
    proxy.lose = "silent"
    with pytest.raises(CommitUnanswered, match="it is unknown whether it was stored"):
        move(through, "v1", None, run_id="run-m")
    proxy.lose = None
    assert move(through, "v1", None, run_id="run-m", time=NOW + HOUR).recorded_at == NOW
    assert len(direct.recorded_moves()) == 1


@pytest.mark.usefixtures("impatient")
def test_a_writer_that_keeps_the_lock_is_named(postgres_url):
    registry = Registry(postgres_url)
    register(registry, "v1")
    engine = sa.create_engine(postgres_url, connect_args={"application_name": "somebody's script"})
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(postgres._WRITING_LOCK)))
        with pytest.raises(RegistryBusy) as caught:
            register(registry, "v2")
        assert len(registry.versions()) == 1  # readers don't wait
    text = str(caught.value)
    assert "was kept by another writer for more than 0.3 s; nothing was stored." in text
    assert "It is somebody's script of user postgres on the same machine, server process " in text
    assert isinstance(caught.value, TransientError)
    engine.dispose()
    register(registry, "v2")


# --- a server that only reads ---------------------------------------------------------------------------------------


def test_a_server_that_only_reads_is_told_as_such_and_not_tried_again(postgres_url):
    register(Registry(postgres_url), "v1")
    reader = Registry(postgres_url.replace("options=", "options=-cdefault_transaction_read_only%3Don%20"))
    assert [version.version for version in reader.versions()] == ["v1"]
    with pytest.raises(RegistryReadOnly, match="it only reads: it is a standby, or default_transaction") as caught:
        register(reader, "v2")
    assert "Nothing was stored" in str(caught.value)
    assert not isinstance(caught.value, TransientError)


def test_a_new_registry_can_t_be_made_on_a_server_that_only_reads(postgres_url):
    reader = Registry(postgres_url.replace("options=", "options=-cdefault_transaction_read_only%3Don%20"))
    with pytest.raises(RegistryReadOnly):
        reader.versions()


def test_a_user_who_may_only_read_is_told_so(postgres_url):
    registry = Registry(postgres_url)
    register(registry, "v1")
    schema = postgres_url.rpartition("%3D")[2]
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {schema}_reader LOGIN")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {schema}_reader")
        connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {schema}_reader")
    reader = Registry(postgres_url.replace("postgres@", f"{schema}_reader@"))
    assert len(reader.versions()) == 1
    with pytest.raises(RegistryReadOnly, match="this user may not write it"):
        register(reader, "v2")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {schema}_reader; DROP ROLE {schema}_reader")
    engine.dispose()
