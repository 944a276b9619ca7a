"""Rollouts: who split the traffic how, one change after the other, and never at odds with the alias."""

import signal

import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.registry import Attribution, EffectiveTimeError, GatesNotPassed, Registry, RolloutConflict
from mlreg_dagster.registry.records.traffic import of_rollout
from mlreg_dagster_tests.registry.builders import BAD, NOW, START, evaluate, move, register, roll_out, sha, shift, split
from mlreg_dagster_tests.registry.racing import die_while, exit_code, race, shift_traffic

FULL = split("full", 10_000)
BACK = split("rolled_back", 0, "roll_back")


def agrees(registry: Registry) -> bool:
    """The alias points to the candidate exactly where the candidate has all traffic."""
    now, holder = registry.traffic("champion"), registry.holder("champion")
    if now.state == "rolled_back":
        return now.weight == 0
    return holder.version == (now.candidate if now.weight == 10_000 else now.champion)


@pytest.fixture
def champion(registry):
    move(registry, "v1", None)
    return registry


def test_the_changes_of_one_rollout(champion):
    assert of_rollout(champion.traffic_history("champion")) == []
    first = [roll_out(champion, "v2"), shift(champion, BACK)]
    second = [roll_out(champion, "v2"), shift(champion, split("shadow", 0))]
    history = champion.traffic_history("champion")
    assert of_rollout(history) == of_rollout(history, 3) == second
    assert of_rollout(history, 1) == first
    assert of_rollout(history, 2) == []


def test_the_newest_change_of_each_rollout_that_is_open(champion):
    assert champion.open_rollouts() == []
    roll_out(champion, "v2")
    shadow = shift(champion, split("shadow", 0))
    assert champion.open_rollouts() == [shadow]
    shift(champion, BACK)
    assert champion.open_rollouts() == []


class TestChanges:
    def test_each_is_the_whole_split(self, champion):
        opened = roll_out(champion, "v2")
        shadow = shift(champion, split("shadow", 0))
        canary = shift(champion, split(requests=1200), reason="1,200 requests")
        assert champion.traffic_history("champion") == [opened, shadow, canary]
        assert [each.sequence for each in (opened, shadow, canary)] == [1, 2, 3]
        assert (canary.champion, canary.candidate, canary.weight, canary.salt) == ("v1", "v2", 500, "s1")
        assert (canary.champion_sha256, canary.candidate_sha256) == (sha("v1"), sha("v2"))
        assert (canary.rollout, canary.facts, canary.reason) == (1, {"requests": 1200}, "1,200 requests")
        assert (opened.shadow, shadow.shadow, canary.shadow) == (False, True, False)
        assert champion.holder("champion").version == "v1"

    def test_all_traffic_moves_the_alias_with_it(self, champion):
        roll_out(champion, "v2")
        full = shift(champion, FULL)
        moved = champion.holder("champion")
        assert (moved.version, moved.sequence, full.alias_sequence) == ("v2", 2, 2)
        assert (moved.actor, moved.reason) == (full.actor, full.reason)
        closed = shift(champion, split("closed", 10_000))
        assert closed.alias_sequence is None
        assert not closed.is_open

    def test_an_ab_test_ends_without_a_move_of_the_alias(self, champion):
        roll_out(champion, "v2")
        shift(champion, split("ab", 5_000))
        ended = shift(champion, split("finished", 0, "finish"))
        assert (ended.state, ended.weight, ended.alias_sequence, ended.is_open) == ("finished", 0, None, False)
        assert len(champion.history("champion")) == 1
        assert roll_out(champion, "v2").rollout == 4

    def test_from_all_traffic_one_step_leads_back(self, champion):
        roll_out(champion, "v2")
        shift(champion, FULL)
        back = shift(champion, BACK)
        assert champion.holder("champion").version == "v1"
        assert (back.alias_sequence, back.is_open) == (3, False)

    def test_before_it_going_back_leaves_the_alias(self, champion):
        roll_out(champion, "v2")
        assert shift(champion, BACK).alias_sequence is None
        assert len(champion.history("champion")) == 1

    def test_the_split_as_of_a_time(self, champion):
        roll_out(champion, "v2", time=NOW)
        shift(champion, split(), time=NOW + 2 * HOUR)
        shift(champion, FULL, time=NOW + 4 * HOUR)
        found = [champion.traffic("champion", NOW + hours * HOUR) for hours in (-1, 0, 1, 2, 3, 4)]
        assert [each and each.state for each in found] == [None, "staging", "staging", "canary_5", "canary_5", "full"]

    def test_a_run_that_is_tried_again_gets_its_own_change_back(self, champion):
        opened = roll_out(champion, "v2", run="run-7")
        assert roll_out(champion, "v2", run="run-7") == opened
        moved = shift(champion, FULL, run="run-8")
        assert shift(champion, FULL, expected=opened.sequence, run="run-8") == moved
        assert len(champion.history("champion")) == 2

    def test_the_audit_log_holds_them(self, champion):
        roll_out(champion, "v2")
        shift(champion, FULL)
        assert [each.kind for each in champion.audit_log()[-3:]] == ["traffic_events", "alias_events", "traffic_events"]
        assert champion.find_tampering() is None


class TestRefusals:
    def test_one_rollout_at_a_time(self, champion):
        roll_out(champion, "v2")
        with pytest.raises(RolloutConflict, match=r"is open: change 1, v2 against v1 in staging at 0 %.*by bob"):
            roll_out(champion, "v3")
        shift(champion, BACK)
        assert roll_out(champion, "v3").rollout == 3

    def test_another_champion_than_expected(self, champion):
        with pytest.raises(RolloutConflict, match="v2 can't be rolled out against v3: v1 holds champion"):
            roll_out(champion, "v2", expected="v3")
        with pytest.raises(RolloutConflict, match="v1 can't be rolled out against v1"):
            roll_out(champion, "v1")

    def test_another_change_came_first(self, champion):
        roll_out(champion, "v2")
        shift(champion, split())
        with pytest.raises(RolloutConflict, match="change 1 was expected to be the newest, but it is change 2, v2 a"):
            shift(champion, FULL, expected=1)
        assert champion.holder("champion").version == "v1"

    def test_none_is_open(self, champion):
        with pytest.raises(RolloutConflict, match="No rollout of champion is open"):
            shift(champion, FULL, expected=1)
        roll_out(champion, "v2")
        shift(champion, BACK)
        with pytest.raises(RolloutConflict, match="the last one ended: change 2"):
            shift(champion, FULL, expected=2)

    def test_what_the_policy_forbids_is_not_stored(self, champion):
        register(champion, "v9")
        evaluate(champion, "v9", BAD)
        with pytest.raises(GatesNotPassed):
            roll_out(champion, "v9")
        roll_out(champion, "v2")
        evaluate(champion, "v2", BAD)
        with pytest.raises(GatesNotPassed):
            shift(champion, FULL)
        assert champion.traffic("champion").state == "staging"
        assert champion.holder("champion").version == "v1"

    def test_no_change_counts_from_before_the_last_one_or_from_the_future(self, champion):
        roll_out(champion, "v2", time=NOW + 2 * HOUR)
        for effective_at in (NOW + HOUR, NOW + 4 * HOUR):
            with pytest.raises(EffectiveTimeError, match="has to lie between"):
                shift(champion, split(), time=NOW + 3 * HOUR, effective_at=effective_at)

    def test_replayed_history_may_lie_in_the_past(self, champion):
        opened = roll_out(champion, "v2", effective_at=START + HOUR)
        full = shift(champion, FULL, effective_at=START + 2 * HOUR)
        assert (opened.effective_at, full.effective_at) == (START + HOUR, START + 2 * HOUR)
        assert champion.holder("champion").effective_at == START + 2 * HOUR


class TestMovesByHand:
    def test_a_move_of_the_alias_ends_the_rollout_with_it(self, champion):
        roll_out(champion, "v2")
        shift(champion, split())
        move(champion, "v3", "v1", NOW)
        ended = champion.traffic("champion")
        assert (ended.state, ended.ruling, ended.weight, ended.alias_sequence) == ("rolled_back", "superseded", 0, 2)
        assert (ended.facts, ended.actor, ended.reason) == ({"moved_to": "v3"}, "bob", "better recall")

    def test_promoting_the_candidate_closes_it(self, champion):
        roll_out(champion, "v2")
        move(champion, "v2", "v1", NOW)
        assert (champion.traffic("champion").state, champion.traffic("champion").weight) == ("closed", 10_000)

    def test_other_aliases_do_not_matter(self, champion):
        opened = roll_out(champion, "v2")
        move(champion, "v2", None, alias="challenger")
        assert champion.traffic("champion") == opened


class TestAClockThatWasAhead:
    """It opened a rollout, or moved one on, and is right again."""

    def test_a_person_ends_the_rollout(self, champion):
        roll_out(champion, "v2", time=NOW + 48 * HOUR)
        with pytest.raises(EffectiveTimeError, match="`mlreg rollout abort` ends the rollout"):
            shift(champion, split(), time=NOW)
        ended = shift(champion, BACK, time=NOW)
        assert (ended.is_open, ended.effective_at) == (False, NOW)
        assert champion.traffic("champion", NOW).state == "rolled_back"
        assert roll_out(champion, "v3", time=NOW).rollout == 3
        assert champion.find_tampering() is None

    def test_a_move_of_the_alias_by_hand_ends_it(self, champion):
        roll_out(champion, "v2", time=NOW + 48 * HOUR)
        move(champion, "v3", "v1", NOW)
        assert champion.holder("champion").version == "v3"
        assert (champion.traffic("champion").state, champion.traffic("champion").effective_at) == ("rolled_back", NOW)

    def test_with_all_traffic_the_move_is_taken_back_first(self, champion):
        roll_out(champion, "v2", time=NOW)
        shift(champion, FULL, time=NOW + 48 * HOUR)
        with pytest.raises(EffectiveTimeError, match="mlreg correct champion"):
            shift(champion, BACK, time=NOW)
        champion.take_back("champion", 2, Attribution("bob", NOW, "the clock was ahead"))
        assert not shift(champion, BACK, time=NOW).is_open
        assert champion.holder("champion").version == "v1"


@pytest.mark.slow
def test_of_eight_processes_one_changes_the_split_and_the_others_are_told_who(champion, registry_url):
    roll_out(champion, "v2")
    outcomes = race(shift_traffic, [(registry_url, f"racer-{number}") for number in range(8)])
    winners = [name for name, outcome, _ in outcomes if outcome == "done"]
    assert len(winners) == 1
    refused = [(outcome, f"by {winners[0]}" in text) for name, outcome, text in outcomes if name not in winners]
    assert refused == [("RolloutConflict", True)] * 7
    assert champion.traffic("champion").actor == winners[0]
    assert len(champion.history("champion")) == 2
    assert agrees(champion)


def to_all(registry):
    shift(registry, FULL)


def back(registry):
    shift(registry, BACK)


def by_hand(registry):
    move(registry, "v3", registry.holder("champion").version)


@pytest.mark.slow
@pytest.mark.parametrize("change", [to_all, back, by_hand])
def test_alias_and_split_agree_wherever_a_process_is_killed(champion, registry_url, change):
    roll_out(champion, "v2")
    if change is back:
        shift(champion, FULL)
    before = champion.traffic("champion"), champion.holder("champion")
    for statement in range(1, 100):
        ended = exit_code(die_while, change, registry_url, statement)
        assert agrees(champion)
        assert champion.find_tampering() is None
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        assert (champion.traffic("champion"), champion.holder("champion")) == before
    assert statement > 5
    assert champion.traffic("champion") != before[0]
    assert champion.holder("champion") != before[1]
