"""Suspensions: one after the other, who suspended what and when, and which hours that covers."""

import signal

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.registry import (
    AliasConflict,
    AlreadySuspended,
    Attribution,
    EffectiveTimeError,
    InvalidRecord,
    NotSuspended,
    Registry,
    SuspensionConflict,
)
from mlreg_dagster.registry.records.suspensions import covering, suspended_times
from mlreg_dagster_tests.registry.builders import NOW, START, evaluate, move, register, resume, sha, suspend
from mlreg_dagster_tests.registry.racing import die_while, exit_code, race, suspend_champion


@pytest.fixture
def champion(registry):
    move(registry, "v1", None)
    return registry


class TestChanges:
    def test_it_says_who_stopped_which_holder_when_and_why(self, champion):
        stopped = suspend(champion, facts={"serving": "refuse"}, run="run-1", signature="c2ln")
        assert champion.suspension("champion") == stopped
        assert (stopped.event, stopped.version, stopped.artifact_sha256) == ("suspended", "v1", sha("v1"))
        assert (stopped.actor, stopped.reason, stopped.effective_at) == ("carla", "it flags all", NOW)
        assert (stopped.run_id, stopped.signature, stopped.facts) == ("run-1", "c2ln", {"serving": "refuse"})
        assert champion.holder("champion").version == "v1", "the alias stays"

    def test_a_resumption_ends_it_and_the_same_version_holds_the_alias(self, champion):
        suspend(champion)
        back = resume(champion)
        assert champion.suspension("champion") is None
        assert (back.event, back.sequence, back.version) == ("resumed", 2, "v1")
        assert champion.holder("champion").version == "v1"
        assert [each.sequence for each in champion.suspensions("champion")] == [1, 2]
        assert champion.find_tampering() is None

    def test_each_alias_has_its_own(self, champion):
        move(champion, "v2", None, alias="challenger")
        suspend(champion, "challenger")
        assert champion.suspension("champion") is None
        assert set(champion.suspended()) == {"challenger"}

    def test_as_of_a_time_the_state_of_that_time_holds(self, champion):
        suspend(champion, effective_at=NOW - 3 * HOUR)
        resume(champion, effective_at=NOW - HOUR)
        assert champion.suspension("champion", NOW - 4 * HOUR) is None
        assert champion.suspension("champion", NOW - 2 * HOUR).actor == "carla"
        assert champion.suspension("champion", NOW) is None
        assert champion.suspended(NOW - 3 * HOUR).keys() == {"champion"}

    def test_a_run_that_lost_the_answer_gets_its_change_back(self, champion):
        stopped = suspend(champion, run="run-1")
        assert suspend(champion, run="run-1") == stopped
        assert len(champion.suspensions()) == 1


class TestRefused:
    def test_the_second_hears_that_it_is_suspended_already_by_whom_and_why(self, champion):
        suspend(champion)
        with pytest.raises(AlreadySuspended, match=r"suspended since .* by carla: it flags all"):
            suspend(champion, actor="eve")

    def test_what_is_not_suspended_is_not_resumed(self, champion):
        with pytest.raises(NotSuspended):
            resume(champion)

    def test_another_change_came_first(self, champion):
        suspend(champion)
        resume(champion)
        with pytest.raises(SuspensionConflict, match="the newest is 2"):
            suspend(champion, sequence=1)

    def test_another_version_holds_the_alias(self, champion):
        with pytest.raises(AliasConflict, match="v1 holds it"):
            suspend(champion, expected="v2")
        suspend(champion)
        with pytest.raises(AliasConflict, match="v1 holds it"):
            resume(champion, expected="v2")

    def test_without_a_holder_there_is_nothing_to_suspend(self, registry):
        with pytest.raises(AliasConflict, match="nobody holds it"):
            registry.suspend("champion", Attribution("carla", NOW, "stop"), sequence=1, expected="v1", facts={})

    def test_times_that_were_not_yet_or_lie_before_the_last_change(self, champion):
        with pytest.raises(EffectiveTimeError):
            suspend(champion, effective_at=NOW + HOUR)
        suspend(champion)
        with pytest.raises(EffectiveTimeError):
            resume(champion, effective_at=NOW - HOUR)

    def test_a_blank_reason(self, champion):
        with pytest.raises(InvalidRecord):
            suspend(champion, reason=" ")

    def test_a_permit_that_refuses_stores_nothing(self, champion):
        suspend(champion)

        def never(dossier):
            assert (dossier.alias, dossier.version.version) == ("champion", "v1")
            raise InvalidRecord("no")

        with pytest.raises(InvalidRecord, match="no"):
            resume(champion, permit=never)
        assert champion.suspension("champion") is not None


def test_a_clock_that_was_ahead_delays_no_stop_and_no_resumption(champion):
    suspend(champion, time=NOW + 5 * HOUR)
    resume(champion, time=NOW)
    assert champion.suspension("champion") is None
    assert champion.suspension("champion", NOW + 6 * HOUR) is None
    suspend(champion, time=NOW)
    assert champion.suspension("champion", NOW) is not None


class TestHours:
    """Suspended from 10:30 to 12:15."""

    @pytest.fixture
    def times(self, champion):
        suspend(champion, effective_at=START + pd.Timedelta("10:30:00"))
        resume(champion, effective_at=START + pd.Timedelta("12:15:00"))
        return suspended_times(champion.suspensions("champion"))

    @pytest.mark.parametrize(("hour", "covered"), [(8, False), (10, True), (11, True), (12, True), (13, False)])
    def test_each_hour_that_it_touches_is_covered(self, times, hour, covered):
        assert (covering(times, START + hour * HOUR) is not None) == covered

    def test_the_hour_that_had_just_ended_is_covered_unless_it_was_scored(self, times):
        assert covering(times, START + 9 * HOUR, is_scored=False).actor == "carla"
        assert covering(times, START + 9 * HOUR, is_scored=True) is None
        assert covering(times, START + 8 * HOUR, is_scored=False) is None

    def test_an_open_one_covers_all_later_hours(self, champion):
        suspend(champion, effective_at=START)
        times = suspended_times(champion.suspensions("champion"))
        assert covering(times, START + 1000 * HOUR) is not None
        assert covering(times, START - HOUR) is None


@pytest.mark.slow
def test_of_suspensions_at_once_one_wins_and_the_others_hear_of_it(registry_url):
    registry = Registry(registry_url)
    register(registry, "v1")
    evaluate(registry, "v1")
    move(registry, "v1", None)
    outcomes = race(suspend_champion, [(registry_url, f"racer-{number}") for number in range(6)])
    assert sorted(outcome for _, outcome, _ in outcomes) == ["AlreadySuspended"] * 5 + ["done"]
    (winner,) = [name for name, outcome, _ in outcomes if outcome == "done"]
    assert all(winner in text for _, outcome, text in outcomes if outcome != "done")
    assert [each.actor for each in registry.suspensions()] == [winner]
    assert registry.find_tampering() is None


def _stop(registry):
    suspend(registry, run="run-1")


def _go_on(registry):
    resume(registry, run="run-2")


@pytest.mark.slow
def test_a_kill_before_any_statement_leaves_all_of_a_change_or_none(registry_url):
    registry = Registry(registry_url)
    register(registry, "v1")
    evaluate(registry, "v1")
    move(registry, "v1", None)
    for change, event, before in ((_stop, "suspended", 0), (_go_on, "resumed", 1)):
        for statement in range(1, 100):
            ended = exit_code(die_while, change, registry_url, statement)
            found = registry.suspensions("champion")
            assert registry.find_tampering() is None
            assert registry.holder("champion").version == "v1"
            if ended == 0:
                break
            assert ended == -signal.SIGKILL
            assert len(found) == before or found[-1].event == event
        assert statement > 3
        assert [each.event for each in registry.suspensions("champion")][before:] == [event]
