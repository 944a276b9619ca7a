"""Moves of aliases, and who held them when."""

import itertools
import threading

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlreg_dagster.core.hours import HOUR, NotAnHour
from mlreg_dagster.registry import (
    AliasConflict,
    AlreadyHolder,
    EffectiveTimeError,
    GatesNotPassed,
    InvalidRecord,
    Registry,
    Tenure,
    UnknownVersion,
)
from mlreg_dagster_tests.registry.builders import BAD, GOOD, NOW, START, evaluate, move, register, sha

few_examples = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
alias_names = (f"alias-{number}" for number in itertools.count())


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
