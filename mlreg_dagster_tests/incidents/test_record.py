"""What the record of an incident comes to: its timeline, and how long each step took."""

from datetime import timedelta

import pytest

from mlreg_dagster.incidents.measured import measure
from mlreg_dagster.incidents.report import in_words
from mlreg_dagster.incidents.timeline import Entry, timeline
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster_tests.registry.builders import (
    NOW,
    START,
    add_to_incident,
    alert_change,
    decide_on_drift,
    evaluate,
    move,
    open_incident,
    register,
    roll_out,
    sha,
    shift,
    split,
    suspend,
)

HOUR = timedelta(hours=1)
BEGAN, DETECTED, NOTICED, ENDED = (START + hours * HOUR for hours in (10, 12, 13, 30))


@pytest.fixture
def registry(tmp_path):
    """A champion since before the incident; of what follows, each test records its own."""
    registry = Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}", lambda: ({}, START))
    for version in ("v1", "v2"):
        register(registry, version, created_at=START)
        evaluate(registry, version, recorded_at=START)
    move(registry, "v1", None, START, time=START)
    return registry


def alert(registry, event, time, subject="hourly", **changes):
    change = alert_change(event, subject, (), **changes)
    return registry.record_alerts(lambda _: [change], Attribution("bert", time, "looked"))


def taken(registry, number=1):
    incident = registry.incident(number)
    entries = timeline(registry, incident, ENDED)
    times = measure(incident, registry.alert_events(), entries)
    return entries, {each.name: each for each in times}


def begun(registry, **changes):
    return open_incident(registry, BEGAN, DETECTED, time=NOTICED, **changes)


def test_everything_between_begin_and_end_is_in_the_timeline_and_nothing_else(registry):
    alert(registry, "firing", BEGAN - HOUR)
    alert(registry, "firing", DETECTED - HOUR / 2, "daily")
    begun(registry)
    decide_on_drift(registry, time=NOTICED + HOUR, effective_at=NOTICED + HOUR)
    asked = Attribution("eve", NOTICED + 2 * HOUR, "please")
    registry.record_refusal("champion", registry.version("v2"), "hold", "a freeze", asked)
    registry.decide("rejection", "v1", Attribution("carla", NOTICED + 3 * HOUR, "bad"), artifact_sha256=sha("v1"))
    roll_out(registry, "v2", time=NOTICED + 4 * HOUR)
    shift(registry, split("rolled_back", 0, "roll_back"), time=NOTICED + 5 * HOUR)
    move(registry, "v2", "v1", NOTICED + 6 * HOUR, time=NOTICED + 6 * HOUR)
    suspend(registry, time=NOTICED + 6.5 * HOUR)
    register(registry, "v3", created_at=NOTICED + 7 * HOUR)
    evaluate(registry, "v3", recorded_at=NOTICED + 8 * HOUR)
    add_to_incident(registry, "resolved", time=ENDED, occurred_at=ENDED)
    move(registry, "v1", "v2", ENDED + HOUR, time=ENDED + HOUR)
    add_to_incident(registry, time=ENDED + 2 * HOUR, reason="late insight")
    run = Entry(NOTICED, "run", "Run 1 failed", "", "", "run 1")
    entries = timeline(registry, registry.incident(1), NOW, [run, Entry(ENDED + HOUR, "run", "later", "", "", "run 2")])
    assert [each.kind for each in entries] == [
        "incident", "alert", "incident", "run", "drift", "refusal", "decision", "rollout", "rollout", "move",
        "suspension", "training", "evaluation", "incident", "incident",
    ]  # fmt: skip
    assert [each.at for each in entries] == sorted(each.at for each in entries)
    assert entries[1].text == "Alert run_failed of daily (ticket): firing"
    assert entries[-1].why == "late insight"
    assert "champion moved from v1 to v2" in [each.text for each in entries]


def test_the_four_times_follow_from_the_records(registry):
    (fired,) = alert(registry, "firing", DETECTED)
    alert(registry, "acknowledged", DETECTED + HOUR / 2)
    begun(registry, facts={"alerts": [fired.fingerprint]})
    move(registry, "v2", "v1", NOTICED + 6 * HOUR, time=NOTICED + 6 * HOUR)
    add_to_incident(registry, "resolved", time=ENDED, occurred_at=ENDED)
    _, times = taken(registry)
    took = {name: each.took / HOUR for name, each in times.items()}
    assert took == {"detect": 2, "acknowledge": 0.5, "mitigate": 9, "resolve": 20}
    assert times["acknowledge"].source == f"bert acknowledged alert {fired.name}"
    assert times["mitigate"].source.startswith("move champion:2: champion moved from v1 to v2")


def test_a_suspended_alias_harms_nobody(registry):
    begun(registry)
    suspend(registry, time=NOTICED + HOUR)
    _, times = taken(registry)
    assert times["mitigate"].at == NOTICED + HOUR
    assert times["mitigate"].source == "suspension champion:1: champion (v1) was suspended"


def test_what_was_not_yet_or_before_the_detection_is_not_taken_for_mitigation(registry):
    move(registry, "v2", "v1", BEGAN + HOUR, time=BEGAN + HOUR)
    begun(registry)
    _, times = taken(registry)
    assert (times["mitigate"].took, times["resolve"].took) == (None, None)
    assert times["acknowledge"].took == HOUR  # the opening of the incident itself
    assert times["resolve"].source == "it is not over"


def test_a_note_says_better_than_a_move_when_users_were_safe(registry):
    begun(registry)
    move(registry, "v2", "v1", NOTICED + HOUR, time=NOTICED + HOUR)
    at = NOTICED + 3 * HOUR
    add_to_incident(registry, time=at, occurred_at=at, reason="caches are empty", facts={"mitigated": True})
    _, times = taken(registry)
    assert times["mitigate"].at == at
    assert times["mitigate"].source == "anna: caches are empty"


def test_history_that_was_recorded_later_is_placed_where_it_counts(registry):
    begun(registry)
    move(registry, "v2", "v1", BEGAN + HOUR, time=NOW)
    entries, _ = taken(registry)
    (found,) = [each for each in entries if each.kind == "move"]
    assert found.at == BEGAN + HOUR
    assert found.text == "champion moved from v1 to v2 (recorded 2018-01-01 00:00)"


def test_an_alert_that_it_names_is_shown_whenever_it_fired(registry):
    (early,) = alert(registry, "firing", BEGAN - HOUR)
    begun(registry, facts={"alerts": [early.fingerprint]})
    entries, _ = taken(registry)
    assert (entries[0].kind, entries[0].at) == ("alert", BEGAN - HOUR)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4, "4 s"), (60, "1 min"), (3599, "1 h 0 min"), (5400, "1 h 30 min"), (90000, "1 d 1 h")],
)
def test_lengths_of_time_are_read_by_people(seconds, words):
    assert in_words(seconds) == words
