"""What is kept of decisions is what was decided, and the registry tells of changes alone."""

import pandas as pd
import pytest
from hypothesis import given

from mlreg_dagster.monitoring.response import stored
from mlreg_dagster.monitoring.response.plots import state_timeline
from mlreg_dagster.registry import DriftDecision
from mlreg_dagster_tests.monitoring.response.days import days, decided, on
from mlreg_dagster_tests.monitoring.response.test_fold import PERSISTS, SUDDEN, WORSE, long, outcomes
from mlreg_dagster_tests.svg import words_of

pytestmark = pytest.mark.pictures

NOW = pd.Timestamp("2026-03-01", tz="UTC")


def recorded(decisions, records=()):
    """The records once what is missing was added."""
    records = list(records)
    for _, judged in stored.unrecorded(decisions, records):
        number = len(records) + 1
        records.append(DriftDecision(number, **vars(judged), effective_at=NOW, actor="automation", reason="it drifts",
                                     recorded_at=NOW, run_id=None))  # fmt: skip
    return records


@given(long, outcomes)
def test_the_facts_of_stored_rows_give_the_same_decisions(facts, happens):
    decisions = decided(days(*facts), happens)
    rows = stored.DRIFT_DECISIONS.validate(stored.rows_of(decisions))
    assert stored.facts_in(rows) == [each.facts for each in decisions]
    known = stored.trainings_in(rows)
    assert {key: known[key] for key in known} == {
        (each.waited_for, each.facts.day): each.training for each in decisions if each.waited_for is not None
    }


@given(long, outcomes)
def test_the_newest_record_of_each_day_and_the_one_before_tell_every_state(facts, happens):
    decisions = decided(days(*facts), happens)
    newest = {each.day: each for each in recorded(decisions)}
    state, action = "stable", "none"
    for each in decisions:
        known = newest.get(f"{each.facts.day:%Y-%m-%d}")
        state, action = (known.state, known.action) if known else (state, action)
        assert (state, action) == (each.state, each.action)


@given(long, long, outcomes)
def test_what_was_recorded_before_facts_changed_is_corrected_and_nothing_is_told_twice(before, after, happens):
    records = recorded(decided(days(*before[: len(after)]), happens))
    decisions = decided(days(*after), happens)
    corrected = recorded(decisions, records)
    assert corrected[: len(records)] == records
    assert stored.unrecorded(decisions, corrected) == []
    newest = {each.day: each for each in corrected}
    for each in decisions:
        if known := newest.get(f"{each.facts.day:%Y-%m-%d}"):
            assert (known.state, known.action) == (each.state, each.action)
        assert not each.trains or known


def test_days_on_which_nothing_changes_are_not_recorded():
    records = recorded(decided(days({}, {}, SUDDEN, *[PERSISTS] * 5)))
    assert [(each.day, each.state, each.action) for each in records] == [
        ("2026-01-03", "watch", "none"),
        ("2026-01-04", "confirmed", "adapt_threshold"),
    ]
    assert records[0].facts["fast"] is True
    assert records[0].cause == "data-sudden-2026-01-03-v1"


def test_another_champion_is_recorded_where_thresholds_follow():
    facts = [*days(SUDDEN, PERSISTS), on(2, **PERSISTS, champion="v2")]
    assert [each.champion for each in recorded(decided(facts))] == ["v1", "v1", "v2"]


def test_the_key_of_a_cause_names_it():
    causes = {each.cause for each in decided(days(SUDDEN, WORSE, WORSE)) if each.cause}
    assert {stored.cause_of(each.key) for each in causes} == causes
    with pytest.raises(ValueError, match="not enough"):
        stored.cause_of("manual")


def test_the_picture_shows_the_states():
    assert state_timeline(stored.DRIFT_DECISIONS.empty()) == "_No day was judged yet._"
    picture = state_timeline(stored.rows_of(decided(days({}, SUDDEN, *[PERSISTS] * 16, *[{}] * 9))))
    assert "States of drift from 2026-01-01 to 2026-01-27" in words_of(picture)
