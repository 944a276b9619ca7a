"""What follows from the facts of many days: stories that are told in the decision table, and what always holds."""

import random
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlreg_dagster.config.sections.drift import ResponseSettings
from mlreg_dagster.monitoring.response.fold import fold
from mlreg_dagster_tests.monitoring.response.days import FIRST, SETTINGS, days, decided, on

SUDDEN = {"fast": True, "peak": 9.0, "persistent_days": 1}
PERSISTS = {"slow": True, "peak": 9.0, "persistent_days": 3}
WORSE = {"concept": "worse", "peak": 1.0}
PROMOTED = {1: "under_way", 2: "promoted"}


def states(facts, outcomes=None, **changed):
    return [each.state for each in decided(facts, outcomes, SETTINGS.override(changed))]


def trainings(decisions):
    return [(each.facts.day - FIRST).days for each in decisions if each.trains]


class TestStories:
    def test_a_quiet_market_is_stable_and_nothing_is_done(self):
        assert {(each.state, each.action, each.alerts) for each in decided(days(*[{}] * 30))} == {
            ("stable", "none", ())
        }

    def test_a_spike_is_watched_for_a_week_and_forgotten(self):
        found = decided(days(SUDDEN, {"persistent_days": 1}, {"persistent_days": 1}, *[{}] * 6))
        assert [each.state for each in found] == ["watch"] * 7 + ["stable", "stable"]
        assert found[7].action == "resolve"
        assert not trainings(found)

    def test_a_watch_does_not_end_before_a_week_without_a_high_day(self):
        restless = [SUDDEN, *[{}] * 5, {"peak": 3.5}, *[{}] * 7]
        assert states(days(*restless)) == ["watch"] * 13 + ["stable"]

    def test_what_lasts_two_weeks_is_trained_for_once_and_its_promotion_ends_it(self):
        found = decided(days(SUDDEN, *[PERSISTS] * 20), {"data": PROMOTED})
        assert [each.state for each in found[:16]] == ["watch", *["confirmed"] * 14, "responding"]
        assert {each.action for each in found[1:15]} == {"adapt_threshold"}
        assert trainings(found) == [15]
        assert found[15].cause.key == "data-sudden-2026-01-01-v1"
        assert [each.state for each in found[16:]] == ["responding", "cooldown", "cooldown", "cooldown", "cooldown"]

    def test_a_drift_that_goes_away_is_over_after_a_calm_week_without_a_training(self):
        found = decided(days(SUDDEN, *[PERSISTS] * 3, *[{}] * 8))
        assert [each.state for each in found] == ["watch", *["confirmed"] * 9, "stable", "stable"]
        assert not trainings(found)

    def test_stale_features_are_refreshed_as_soon_as_the_drift_is_confirmed(self):
        found = decided(days(SUDDEN, *[{**PERSISTS, "is_stale": True}] * 4), {"data": PROMOTED})
        assert [each.state for each in found] == ["watch", "confirmed", "responding", "cooldown", "cooldown"]
        assert [each.action for each in found] == ["none", "refresh_and_retrain", "none", "resolve", "none"]

    def test_a_champion_that_is_worse_is_trained_for_at_once_and_compared_with_the_one_before(self):
        found = decided(days(WORSE, WORSE, WORSE, WORSE), {"concept": PROMOTED})
        assert [each.state for each in found] == ["watch", "confirmed", "responding", "cooldown"]
        assert trainings(found) == [1]
        assert [each.protects for each in found] == [False, True, False, False]
        assert found[1].cause.trigger == "performance"

    def test_few_crash_episodes_confirm_nothing(self):
        assert states(days(*[{**WORSE, "episodes": 29}] * 40)) == ["watch"] * 40

    def test_a_training_that_was_rejected_leaves_the_champion_and_its_cause_has_no_second_one(self):
        found = decided(days(SUDDEN, *[PERSISTS] * 60), {"data": {1: "rejected"}})
        assert trainings(found) == [15]
        assert (found[16].state, found[16].row) == ("watch", 14)
        assert "training_failed" in {each.rule for each in found[20].alerts}
        assert (found[-1].state, found[-1].action) == ("confirmed", "ask_a_person")

    def test_a_training_that_never_reports_counts_as_failed(self):
        found = decided(days(WORSE, WORSE, *[{}] * 12))
        ended = next(each for each in found if each.row == 14)
        assert (ended.facts.day - FIRST).days == 1 + SETTINGS.deadline_days
        assert ended.training == "failed"

    def test_once_the_budget_is_spent_a_person_decides(self):
        again = [WORSE, WORSE, {}, {}, *[{}] * 8]
        found = decided(days(*again * 3), {"concept": {1: "promoted"}})
        assert trainings(found) == [1, 13]
        assert found[25].action == "ask_a_person"
        assert ("drift_confirmed", "page") in {(each.rule, each.severity) for each in found[25].alerts}
        assert not trainings(decided(days(WORSE, WORSE), settings=ResponseSettings(trainings=0)))

    def test_broken_data_are_paged_and_trained_for_once_they_are_repaired(self):
        severe, repaired = {"quality": "severe"}, {"differs_from_training": True}
        found = decided(days({}, severe, severe, repaired, {}, {}), {"quality": PROMOTED})
        assert [each.state for each in found] == ["stable", "watch", "watch", "responding", "responding", "cooldown"]
        assert found[3].action == "retrain_on_repaired_data"
        assert found[3].leave_out == (on(1).day, on(2).day)
        assert found[1].alerts[0].severity == "page"
        assert found[1].cause.onset == found[2].cause.onset == on(1).day

    def test_one_severe_day_is_no_reason_to_train(self):
        found = decided(days({}, {"quality": "severe"}, {"differs_from_training": True}, *[{}] * 9))
        assert not trainings(found)
        assert [each.state for each in found] == ["stable", *["watch"] * 7, *["stable"] * 4]

    def test_a_bad_day_in_the_middle_does_not_lose_what_is_waited_for(self):
        found = decided(days(WORSE, WORSE, WORSE, {"quality": "severe"}, {}), {"concept": PROMOTED})
        assert [each.state for each in found] == ["watch", "confirmed", "responding", "watch", "cooldown"]
        assert found[3].family == "quality"

    def test_a_drift_on_both_sides_of_a_bad_day_is_one_cause(self):
        found = decided(days(SUDDEN, PERSISTS, {"quality": "bad"}, *[PERSISTS] * 20))
        assert {each.cause.key for each in found if each.state == "confirmed"} == {"data-sudden-2026-01-01-v1"}

    def test_a_day_that_is_not_known_keeps_the_state_and_people_hear_of_it_after_three(self):
        found = decided(days(SUDDEN, {"enough": False}, {"enough": False}, {"enough": False}, PERSISTS))
        assert [each.state for each in found] == ["watch", "unknown", "unknown", "unknown", "confirmed"]
        assert [{each.rule for each in one.alerts} for one in found[:4]] == [
            {"drift_watch"},
            {"drift_watch"},
            {"drift_watch"},
            {"drift_watch", "drift_unknown"},
        ]

    def test_after_a_promotion_drift_is_silent_for_a_week(self):
        found = decided(days(WORSE, WORSE, WORSE, *[SUDDEN] * 10), {"concept": {1: "promoted"}})
        assert [each.state for each in found[3:]] == ["cooldown"] * 7 + ["stable", "watch", "watch"]
        assert not any(each.alerts for each in found[3:10])


fact = st.fixed_dictionaries(
    {},
    optional={
        "quality": st.sampled_from(["ok", "ok", "ok", "bad", "severe"]),
        "fast": st.booleans(),
        "slow": st.booleans(),
        "persistent_days": st.integers(0, 3),
        "peak": st.sampled_from([None, 1.0, 3.5, 9.0]),
        "concept": st.sampled_from(["unknown", "same", "worse"]),
        "episodes": st.sampled_from([0, 29, 30, 100]),
        "is_stale": st.booleans(),
        "enough": st.sampled_from([True, True, True, False]),
        "differs_from_training": st.booleans(),
        "champion": st.sampled_from(["v1", "v2", None]),
    },
)
outcome = st.dictionaries(
    st.integers(0, 9), st.sampled_from(["under_way", "promoted", "rejected", "failed"]), max_size=3
)
outcomes = st.fixed_dictionaries({}, optional=dict.fromkeys(("data", "concept", "quality"), outcome))
long = st.lists(fact, min_size=1, max_size=60)


class TestAlways:
    @given(long, outcomes)
    def test_nothing_is_done_without_evidence(self, facts, happens):
        seen = False
        for each in decided(days(*facts), happens):
            given = each.facts
            seen = seen or given.fast or given.slow or given.concept == "worse" or given.quality != "ok"
            if not seen:
                assert each.action == "none"
                assert each.state in ("stable", "unknown")
                assert {told.rule for told in each.alerts} <= {"drift_unknown"}
            if each.state == "unknown":
                assert each.action == "none"

    @given(long, outcomes)
    def test_one_cause_has_one_training(self, facts, happens):
        keys = [each.cause.key for each in decided(days(*facts), happens) if each.trains]
        assert len(keys) == len(set(keys))

    @given(long, outcomes, st.integers(0, 3))
    def test_the_budget_is_kept_and_one_training_is_waited_for_at_a_time(self, facts, happens, allowed):
        limits = ResponseSettings(trainings=allowed, budget_days=20)
        asked = [each.facts.day for each in decided(days(*facts), happens, limits) if each.trains]
        for day in asked:
            assert sum(timedelta(0) <= day - other < timedelta(days=20) for other in asked) <= allowed

    @given(fact, st.integers(0, 9))
    def test_one_day_confirms_nothing(self, odd, place):
        silent = [{}] * place + [{**odd, "persistent_days": min(odd.get("persistent_days", 0), 1)}] + [{}] * 10
        assert "confirmed" not in states(days(*silent))

    @given(long, outcomes)
    def test_what_is_confirmed_was_watched_the_day_before(self, facts, happens):
        found = [each for each in decided(days(*facts), happens) if each.state != "unknown"]
        for before, after in pairwise(found):
            if after.state == "confirmed":
                assert before.state in ("watch", "confirmed")
        assert not found or found[0].state != "confirmed"

    @given(long, outcomes)
    def test_no_training_takes_bad_days(self, facts, happens):
        found = decided(days(*facts), happens)
        for each in found:
            if each.trains:
                severe = {one.facts.day for one in found if one.facts.quality == "severe"}
                assert each.facts.quality == "ok"
                assert {day for day in severe if day < each.facts.day} <= set(each.leave_out)

    @given(long, outcomes)
    def test_every_response_ends(self, facts, happens):
        calm = [{}] * (SETTINGS.deadline_days + SETTINGS.cooldown_days + SETTINGS.watch_days + SETTINGS.chronic_days)
        found = decided(days(*facts, *calm), happens)
        assert found[-1].state in ("stable", "watch", "cooldown")
        since = None
        for each in found:
            since = None if each.trains or each.state not in ("responding", "unknown", "watch") else since
            since = each.facts.day if each.trains else since
            if since is not None and each.facts.enough and each.facts.quality == "ok" and each.state == "responding":
                assert (each.facts.day - since).days < SETTINGS.deadline_days

    @given(long, outcomes, st.randoms(use_true_random=False))
    @settings(max_examples=50)
    def test_late_and_repaired_days_in_any_order_give_the_same_decisions(self, facts, happens, chance):
        final = days(*facts)
        wanted = decided(final, happens)
        drafts = [on(number) for number in range(len(facts))]
        arrived = [*chance.sample(drafts, len(drafts)), *chance.sample(final, len(final))]
        assert decided(arrived, happens) == wanted

    @given(long, outcomes)
    def test_no_day_is_decided_by_a_later_one(self, facts, happens):
        whole = decided(days(*facts), happens)
        for number in random.Random(0).sample(range(len(facts)), min(3, len(facts))):
            assert decided(days(*facts[:number]), happens) == whole[:number]


@pytest.mark.parametrize("gap", [1, 5])
def test_days_without_facts_do_not_stand_for_days_in_a_row(gap):
    severe = [on(0, quality="severe"), on(1 + gap, quality="severe"), on(2 + gap, differs_from_training=True)]
    assert not any(each.trains for each in fold(severe, lambda *_: "none", SETTINGS))
