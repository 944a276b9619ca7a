"""The registry on SQLite and on PostgreSQL: what it keeps, what it refuses, and who wins."""

import hashlib
import itertools
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlreg_dagster.core.hours import HOUR, NotAnHour
from mlreg_dagster.registry import (
    AliasConflict,
    AlreadyHolder,
    Attribution,
    EffectiveTimeError,
    GateResult,
    GatesNotPassed,
    InvalidRecord,
    Registry,
    RegistryUnavailable,
    SchemaMismatch,
    Tenure,
    UnknownVersion,
    VersionExists,
    version_number,
)
from mlreg_dagster.storage.faults import StorageDamaged
from mlreg_dagster_tests.registry.racing import promote, race, register_next

NOW = pd.Timestamp("2018-01-01", tz="UTC")
START = pd.Timestamp("2017-12-20", tz="UTC")
GOOD = GateResult("anomaly_rate", True, 0.05, "2 % to 20 %", "of 100 rows")
BAD = GateResult("score_gap", False, 0.01, "at least 0.05", "flagged rows score like the others")

few_examples = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
alias_names = (f"alias-{number}" for number in itertools.count())


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def register(registry: Registry, version: str, **changes):
    values = {
        "detector": "isolation_forest",
        "dataset_day": "2017-12-19",
        "dataset_sha256": sha("dataset"),
        "artifact_sha256": sha(version),
        "manifest": {"features": ["b", "a"], "seed": 42, "clip": None},
    }
    by = Attribution(
        changes.pop("created_by", "ann"), changes.pop("created_at", NOW), run_id=changes.pop("run_id", "run-1")
    )
    return registry.register(version, by, **values | changes)


def evaluate(registry: Registry, version: str, *gates: GateResult, **changes):
    values = {
        "artifact_sha256": sha(version),
        "holdout_sha256": sha("holdout"),
        "gates": gates or (GOOD,),
        "metrics": {"silhouette": 0.4, "recall": None},
        "thresholds": {"min_score_gap": 0.05},
    }
    by = Attribution(
        changes.pop("actor", "ann"), changes.pop("recorded_at", NOW), run_id=changes.pop("run_id", "run-2")
    )
    return registry.record_evaluation(version, by, **values | changes)


def move(registry: Registry, version: str, expected: str | None, effective_at=START, alias="champion", **changes):
    values = {"actor": "bob", "time": NOW, "reason": "better recall", "run_id": None}
    by = Attribution(**{name: changes.pop(name, value) for name, value in values.items()})
    return registry.move_alias(alias, version, by, expected=expected, effective_at=effective_at, **changes)


@pytest.fixture
def registry(registry_url: str) -> Registry:
    """Versions v1 … v4, all of them evaluated and passed."""
    registry = Registry(registry_url)
    for number in range(1, 5):
        register(registry, f"v{number}")
        evaluate(registry, f"v{number}")
    return registry


@pytest.fixture
def raw(registry_url: str):
    """A connection to an empty registry's database, past the registry."""
    Registry(registry_url).versions()
    engine = sa.create_engine(registry_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


class TestVersions:
    def test_a_version_comes_back_as_it_was_registered(self, registry_url):
        created = pd.Timestamp("2017-12-31 23:59:59.123456", tz="UTC")
        written = register(Registry(registry_url), "v1", created_at=created)
        read = Registry(registry_url).version("v1")
        assert read == written
        assert read.manifest == {"features": ["b", "a"], "seed": 42, "clip": None}
        assert list(read.manifest) == ["features", "seed", "clip"]
        assert (read.artifact_sha256, read.run_id) == (sha("v1"), "run-1")
        assert read.created_at == created
        assert type(read.created_at) is datetime
        assert str(pd.DatetimeIndex([read.created_at]).dtype) == "datetime64[us, UTC]"

    def test_times_of_any_zone_are_kept_as_the_same_moment_in_utc(self, registry_url):
        tokyo = datetime(2018, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))
        version = register(Registry(registry_url), "v1", created_at=tokyo)
        assert version.created_at == datetime(2018, 1, 1, tzinfo=UTC)
        assert version.created_at.tzinfo is UTC

    def test_a_time_without_a_zone_is_refused(self, registry_url):
        with pytest.raises(InvalidRecord, match="no time zone"):
            register(Registry(registry_url), "v1", created_at=datetime(2018, 1, 1))

    def test_a_name_is_never_reused(self, registry):
        with pytest.raises(VersionExists, match=r"v2 is registered already.*next free name is v5"):
            register(registry, "v2", artifact_sha256=sha("other bytes"))
        assert registry.version("v2").artifact_sha256 == sha("v2")

    def test_names_of_another_form_are_refused(self, registry_url):
        registry = Registry(registry_url)
        for name in ["", "v", "v0", "v01", "V1", "1", "v1 ", "v1\n", "v-1", "latest", "v٣", "v1234567890"]:
            with pytest.raises(InvalidRecord, match="not the name of a version"):
                register(registry, name)
        assert registry.versions() == []

    @pytest.mark.parametrize("field", ["artifact_sha256", "dataset_sha256"])
    def test_hashes_of_another_form_are_refused(self, registry_url, field):
        registry = Registry(registry_url)
        for value in ["", "abc", sha("x").upper(), sha("x") + "0"]:
            with pytest.raises(InvalidRecord, match=field):
                register(registry, "v1", **{field: value})
        assert registry.versions() == []

    @pytest.mark.parametrize("manifest", [{"score": float("nan")}, {"when": object()}])
    def test_a_manifest_that_is_no_json_is_refused(self, registry_url, manifest):
        registry = Registry(registry_url)
        with pytest.raises(InvalidRecord, match="JSON"):
            register(registry, "v1", manifest=manifest)
        assert registry.versions() == []

    def test_next_version_counts_as_numbers_do(self, registry_url):
        registry = Registry(registry_url)
        assert registry.next_version() == "v1"
        for name in ("v9", "v10", "v2"):
            register(registry, name)
        assert registry.next_version() == "v11"
        assert registry.next_version(also_taken=["v11", "v3", "not a version"]) == "v12"
        assert [version.version for version in registry.versions()] == ["v2", "v9", "v10"]

    def test_an_unknown_version_is_answered_with_what_exists(self, registry):
        for ask in (registry.version, registry.evaluations, registry.latest_evaluation, registry.status):
            with pytest.raises(UnknownVersion, match=r"v7 is not registered.*v1, v2, v3, v4"):
                ask("v7")

    def test_version_number(self):
        assert version_number("v10") == 10


class TestResolve:
    def test_latest_is_the_highest_number_not_the_last_text(self, registry):
        register(registry, "v10")
        register(registry, "v9")
        assert registry.resolve("latest").version == "v10"
        assert registry.resolve("latest-0").version == "v10"
        assert registry.resolve("latest-1").version == "v9"
        assert registry.resolve("latest-5").version == "v1"
        assert registry.resolve("v3").version == "v3"

    def test_what_leads_nowhere_is_answered_with_what_exists(self, registry):
        for spec in ["latest-4", "v5", "nobody", "", "latest-x", "latest--1", "V1", "v1; DROP TABLE"]:
            with pytest.raises(UnknownVersion, match="v1, v2, v3, v4"):
                registry.resolve(spec)

    def test_nothing_registered(self, registry_url):
        with pytest.raises(UnknownVersion, match="Registered versions: none"):
            Registry(registry_url).resolve("latest")

    def test_an_alias_is_asked_as_of(self, registry):
        move(registry, "v1", None, START)
        move(registry, "v2", "v1", START + 5 * HOUR)
        assert registry.resolve("champion").version == "v2"
        assert registry.resolve("champion", as_of=START + 4 * HOUR).version == "v1"
        with pytest.raises(UnknownVersion, match=r"held as of 2017-12-19 23:00.*Aliases: champion"):
            registry.resolve("champion", as_of=START - HOUR)


class TestEvaluations:
    def test_an_evaluation_comes_back_as_it_was_recorded(self, registry):
        uncomputed = GateResult("silhouette", False, None, "at least 0", "one cluster only")
        written = evaluate(registry, "v1", GOOD, uncomputed)
        read = registry.latest_evaluation("v1")
        assert read == written
        assert read.gates == (GOOD, uncomputed)
        assert read.metrics == {"silhouette": 0.4, "recall": None}
        assert (read.recorded_at, read.holdout_sha256, read.actor) == (NOW, sha("holdout"), "ann")

    def test_passed_means_that_every_gate_passed(self, registry):
        assert evaluate(registry, "v1", GOOD).passed
        assert not evaluate(registry, "v1", GOOD, BAD).passed

    def test_the_latest_evaluation_makes_the_status(self, registry):
        register(registry, "v5")
        assert registry.status("v5") == "candidate"
        assert registry.latest_evaluation("v5") is None
        for gate, status in ((BAD, "rejected"), (GOOD, "evaluated"), (BAD, "rejected")):
            evaluate(registry, "v5", gate)
            assert registry.status("v5") == status
        assert [evaluation.passed for evaluation in registry.evaluations("v5")] == [False, True, False]

    def test_no_gates_are_no_evaluation(self, registry):
        with pytest.raises(InvalidRecord, match=r"needs gates.*none"):
            registry.record_evaluation(
                "v1",
                Attribution("ann", NOW),
                artifact_sha256=sha("v1"),
                holdout_sha256=sha("holdout"),
                gates=[],
                metrics={},
                thresholds={},
            )
        assert len(registry.evaluations("v1")) == 1

    def test_a_gate_twice_is_refused(self, registry):
        with pytest.raises(InvalidRecord, match="score_gap, score_gap"):
            evaluate(registry, "v1", BAD, GateResult("score_gap", True, 1.0, "", ""))

    def test_an_evaluation_of_other_bytes_is_refused(self, registry):
        with pytest.raises(InvalidRecord, match="other bytes than v1"):
            evaluate(registry, "v1", artifact_sha256=sha("v2"))
        assert len(registry.evaluations("v1")) == 1

    @pytest.mark.usefixtures("registry")
    def test_the_database_itself_refuses_an_evaluation_of_other_bytes(self, raw):
        raw.exec_driver_sql("PRAGMA foreign_keys = ON") if raw.dialect.name == "sqlite" else None
        copied = "holdout_sha256, passed, gates, metrics, thresholds, recorded_at, actor"
        with pytest.raises(sa.exc.IntegrityError):
            raw.exec_driver_sql(
                f"INSERT INTO evaluations (version, artifact_sha256, {copied}) "
                f"SELECT 'v1', '{sha('v2')}', {copied} FROM evaluations WHERE version = 'v2'"
            )

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_gate_measures_a_number_or_nothing(self, value):
        with pytest.raises(InvalidRecord, match="not a measurement"):
            GateResult("rate", False, value, "", "")

    @pytest.mark.parametrize("passed", [None, "no", 1])
    def test_a_gate_passes_or_does_not(self, passed):
        with pytest.raises(InvalidRecord, match="True or False"):
            GateResult("rate", passed, 0.1, "", "")


class TestMoves:
    def test_a_move_says_who_when_and_why(self, registry):
        first = move(registry, "v1", None)
        second = move(registry, "v2", "v1", START + HOUR, reason="v1 drifts", actor="cy", run_id="run-3")
        assert registry.history("champion") == [first, second]
        assert registry.holder("champion") == second
        assert (second.version, second.previous_version, second.sequence) == ("v2", "v1", 2)
        assert (second.effective_at, second.recorded_at) == (START + HOUR, NOW)
        assert (second.actor, second.reason, second.run_id) == ("cy", "v1 drifts", "run-3")
        assert second.artifact_sha256 == sha("v2")
        assert second.evaluation_id == registry.latest_evaluation("v2").id

    def test_aliases_do_not_know_each_other(self, registry):
        move(registry, "v1", None)
        challenger = move(registry, "v1", None, alias="challenger")
        champion = move(registry, "v2", "v1")
        assert registry.aliases() == {"challenger": challenger, "champion": champion}
        assert registry.holder("other") is None
        assert registry.history("other") == []

    def test_rollback_is_a_promotion_of_an_older_version(self, registry):
        move(registry, "v1", None)
        move(registry, "v2", "v1")
        move(registry, "v1", "v2", reason="v2 flags everything")
        assert [event.version for event in registry.history("champion")] == ["v1", "v2", "v1"]

    def test_never_evaluated(self, registry):
        register(registry, "v5")
        with pytest.raises(GatesNotPassed, match="v5 was never evaluated"):
            move(registry, "v5", None)
        assert registry.aliases() == {}

    def test_a_failed_gate_is_named(self, registry):
        evaluate(registry, "v2", GOOD, BAD)
        with pytest.raises(GatesNotPassed, match=r"score_gap \(found 0.01, asked at least 0.05") as refusal:
            move(registry, "v2", None)
        assert "anomaly_rate" not in str(refusal.value)
        assert registry.aliases() == {}

    def test_the_latest_evaluation_counts(self, registry):
        evaluate(registry, "v2", BAD)
        evaluate(registry, "v2", GOOD)
        latest = registry.latest_evaluation("v2")
        assert move(registry, "v2", None).evaluation_id == latest.id

    def test_an_unknown_version(self, registry):
        with pytest.raises(UnknownVersion, match="v1, v2, v3, v4"):
            move(registry, "v7", None)

    def test_another_holder_than_expected_is_named(self, registry):
        move(registry, "v1", None, actor="cy")
        for expected in (None, "v2"):
            with pytest.raises(AliasConflict, match=r"v1 holds it since 2017-12-20 00:00:00.*requested by cy"):
                move(registry, "v3", expected)
        with pytest.raises(AliasConflict, match="expected with v1, but nobody holds it"):
            move(registry, "v2", "v1", alias="challenger")
        assert len(registry.history("champion")) == 1

    def test_the_holder_can_not_take_it_again(self, registry):
        move(registry, "v1", None)
        with pytest.raises(AlreadyHolder, match="v1 holds champion already"):
            move(registry, "v1", "v1", START + HOUR)

    def test_not_from_the_future(self, registry):
        with pytest.raises(EffectiveTimeError, match="after now"):
            move(registry, "v1", None, NOW + pd.Timedelta(microseconds=1))
        move(registry, "v1", None, NOW)

    def test_history_is_written_forward(self, registry):
        move(registry, "v1", None, START)
        with pytest.raises(EffectiveTimeError, match="written forward"):
            move(registry, "v2", "v1", START - pd.Timedelta(microseconds=1))
        move(registry, "v2", "v1", START)  # at the same time the later move counts
        assert registry.holder("champion", START).version == "v2"

    def test_actor_and_reason_are_asked_for(self, registry):
        for field, text in itertools.product(["actor", "reason"], ["", "  "]):
            with pytest.raises(InvalidRecord, match=f"{field}.* must not be blank"):
                move(registry, "v1", None, **{field: text})
        assert registry.aliases() == {}

    def test_an_alias_must_not_look_like_something_else(self, registry):
        names = [
            "",
            "v1",
            "v01",
            "latest",
            "latest-1",
            "latest-x",
            "Champion",
            "1st",
            "a b",
            "champion\n",
            "é",
        ]
        for alias in names:
            with pytest.raises(InvalidRecord, match="can't be an alias"):
                move(registry, "v1", None, alias=alias)
        assert registry.aliases() == {}

    def test_a_move_waits_for_one_that_is_being_written_and_loses_to_it(self, registry, registry_url):
        move(registry, "v1", None)
        engine = sa.create_engine(registry_url, poolclass=sa.NullPool)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", None))
            sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        copied = "artifact_sha256, evaluation_id, effective_at, recorded_at, reason"
        refusals = []

        def lose() -> None:
            with pytest.raises(AliasConflict) as refusal:
                move(registry, "v3", "v1")
            refusals.append(str(refusal.value))

        loser = threading.Thread(target=lose)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                f"INSERT INTO alias_events (alias, sequence, version, previous_version, actor, evidence, {copied}) "
                f"SELECT alias, 2, 'v2', 'v1', 'cy', '{{}}', '{sha('v2')}', "
                f"(SELECT max(id) FROM evaluations WHERE version = 'v2'), effective_at, recorded_at, reason "
                f"FROM alias_events"
            )
            loser.start()
            loser.join(0.5)
            assert loser.is_alive()
        loser.join(300)
        assert len(refusals) == 1
        assert "v2 holds it" in refusals[0]
        assert "requested by cy" in refusals[0]
        assert [event.version for event in registry.history("champion")] == ["v1", "v2"]


class TestRaces:
    def test_of_sixteen_promotions_one_wins(self, registry_url):
        registry = Registry(registry_url)
        for number in range(1, 18):
            register(registry, f"v{number}")
            evaluate(registry, f"v{number}")
        move(registry, "v1", None)
        outcomes = race(promote, [(registry_url, f"v{number}") for number in range(2, 18)])

        winners = [version for version, outcome, _ in outcomes if outcome == "done"]
        assert len(winners) == 1
        losers = [(outcome, text) for _, outcome, text in outcomes if outcome != "done"]
        assert {outcome for outcome, _ in losers} == {"AliasConflict"}
        assert all(f"{winners[0]} holds it" in text and f"racer of {winners[0]}" in text for _, text in losers)
        history = registry.history("champion")
        assert [(event.sequence, event.previous_version, event.version) for event in history] == [
            (1, None, "v1"),
            (2, "v1", winners[0]),
        ]
        assert registry.holder("champion") == history[-1]

    def test_a_new_database_is_made_once_and_a_name_given_once(self, registry_url):
        outcomes = race(register_next, [(registry_url, f"racer {number}") for number in range(8)])
        winners = [name for name, outcome, _ in outcomes if outcome == "done"]
        assert sorted(outcome for _, outcome, _ in outcomes) == ["VersionExists"] * 7 + ["done"]
        assert [version.created_by for version in Registry(registry_url).versions()] == winners


# Moves as (minutes after the move before, version), in the order in which they are recorded.
moves_by_minutes = st.lists(st.tuples(st.integers(0, 150), st.sampled_from(["v1", "v2", "v3", "v4"])), max_size=7)


def play(registry: Registry, moves: list[tuple[int, str]]) -> tuple[str, list[tuple[pd.Timestamp, str]]]:
    """Moves a new alias; its name, and what a brute-force model remembers of it."""
    alias, holder, when, remembered = next(alias_names), None, START, []
    for minutes, version in moves:
        if version == holder:
            continue
        when += pd.Timedelta(minutes=minutes)
        move(registry, version, holder, when, alias=alias)
        holder = version
        remembered.append((when, version))
    return alias, remembered


class TestAsOf:
    @few_examples
    @given(moves=moves_by_minutes, asked=st.lists(st.integers(-60, 1100), min_size=1, max_size=4))
    def test_the_holder_is_the_last_one_whose_time_had_come(self, registry, moves, asked):
        alias, remembered = play(registry, moves)
        for when in [START + pd.Timedelta(minutes=minutes) for minutes in asked] + [time for time, _ in remembered]:
            expected = None
            for effective_at, version in remembered:
                if effective_at <= when:
                    expected = version
            found = registry.holder(alias, as_of=when)
            assert (found.version if found else None) == expected
        current = registry.holder(alias)
        assert (current.version if current else None) == (remembered[-1][1] if remembered else None)

    @few_examples
    @given(moves=moves_by_minutes, first=st.integers(-3, 10), length=st.integers(-1, 15))
    def test_spells_are_the_holder_of_each_hour(self, registry, moves, first, length):
        alias, _ = play(registry, moves)
        hours = [START + HOUR * number for number in range(first, first + length + 1)]
        tenures = registry.tenures(alias, START + HOUR * first, START + HOUR * (first + length))

        held = {}
        for tenure in tenures:
            for hour in pd.date_range(tenure.first, tenure.last, freq="h"):
                assert hour not in held
                held[hour] = (tenure.version, tenure.artifact_sha256)
        events = {hour: registry.holder(alias, as_of=hour) for hour in hours}
        assert held == {hour: (event.version, event.artifact_sha256) for hour, event in events.items() if event}
        for before, after in itertools.pairwise(tenures):
            assert before.last < after.first
            assert before.version != after.version

    def test_spells_by_example(self, registry):
        move(registry, "v1", None, START)
        move(registry, "v2", "v1", START + pd.Timedelta(minutes=90))
        assert registry.tenures("champion", START - HOUR, START + 3 * HOUR) == [
            Tenure("v1", sha("v1"), START, START + HOUR),
            Tenure("v2", sha("v2"), START + 2 * HOUR, START + 3 * HOUR),
        ]
        assert registry.tenures("nobody", START, START + HOUR) == []

    def test_spells_are_of_whole_hours(self, registry):
        with pytest.raises(NotAnHour):
            registry.tenures("champion", START + pd.Timedelta(minutes=1), START + HOUR)


class TestAppendOnly:
    def test_nothing_is_changed_or_deleted(self, registry, raw):
        move(registry, "v1", None)
        replaces = {
            "postgresql": "TRUNCATE {0} CASCADE",
            "sqlite": "INSERT OR REPLACE INTO {0} SELECT * FROM {0}",
        }
        statements = ["UPDATE {0} SET version = version", "DELETE FROM {0}", replaces[raw.dialect.name]]
        for table in ("schema_version", "model_versions", "evaluations", "alias_events"):
            before = raw.exec_driver_sql(f"SELECT * FROM {table}").all()
            assert before
            for statement in statements:
                with pytest.raises(sa.exc.DBAPIError, match="append-only"):
                    raw.exec_driver_sql(statement.format(table))
            assert raw.exec_driver_sql(f"SELECT * FROM {table}").all() == before

    def test_sqlite_does_not_replace_by_another_key_than_the_first(self, tmp_path):
        registry = Registry(f"sqlite:///{tmp_path}/registry.db")
        register(registry, "v1")
        evaluate(registry, "v1")
        move(registry, "v1", None)
        unchanged = "alias, sequence, version, artifact_sha256, evaluation_id, effective_at, recorded_at, actor"
        with (
            closing(sqlite3.connect(tmp_path / "registry.db")) as raw,
            pytest.raises(sqlite3.IntegrityError, match="append-only"),
        ):
            raw.execute(
                f"INSERT OR REPLACE INTO alias_events (id, reason, {unchanged}) "
                f"SELECT id + 100, 'another reason', {unchanged} FROM alias_events"
            )
        assert registry.holder("champion").reason == "better recall"


class TestOpening:
    def test_nothing_is_made_before_the_first_question(self, tmp_path):
        registry = Registry(f"sqlite:///{tmp_path}/home/registry.db")
        assert list(tmp_path.iterdir()) == []
        assert registry.versions() == []
        assert (tmp_path / "home" / "registry.db").exists()

    def test_another_schema_is_refused(self, registry_url, raw):
        raw.exec_driver_sql("DROP TABLE schema_version")
        raw.exec_driver_sql("CREATE TABLE schema_version (version INTEGER)")
        raw.exec_driver_sql("INSERT INTO schema_version VALUES (99)")
        with pytest.raises(SchemaMismatch, match="has schema 99, this release needs 3"):
            Registry(registry_url).versions()

    def test_tables_of_someone_else_are_not_taken_for_ours(self, postgres_url):
        engine = sa.create_engine(postgres_url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE evaluations (id INTEGER)")
        with pytest.raises(RegistryUnavailable, match="already exists"):
            Registry(postgres_url).versions()

    @pytest.mark.parametrize("url", ["", "no url", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "sqlite:///"])
    def test_an_impossible_url_is_refused(self, url):
        with pytest.raises(RegistryUnavailable, match="sqlite"):
            Registry(url)

    def test_no_password_in_messages(self, tmp_path):
        registry = Registry(f"postgresql://ann:secret@/db?host={tmp_path}")
        with pytest.raises(RegistryUnavailable) as refusal:
            registry.versions()
        assert "secret" not in str(refusal.value)

    def test_a_file_that_is_no_database(self, tmp_path):
        (tmp_path / "registry.db").write_text("hello, this is a text file, not a database at all")
        with pytest.raises(StorageDamaged, match="not a database"):
            Registry(f"sqlite:///{tmp_path}/registry.db").versions()
