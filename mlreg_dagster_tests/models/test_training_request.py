"""Why a training is started: what may be said, and by whom."""

import pytest

from mlreg_dagster.models.training_request import NotACause, stated_cause

SENSOR = {"dagster/sensor_name": "retrain_sensor"}


def stated(trigger=None, key=None, reason=None, tags=()):
    return stated_cause(trigger, key, reason, "0123456789abcdef", dict(tags))


def test_a_training_on_schedule_has_no_cause():
    assert stated() is None
    assert stated("schedule") is None


def test_a_persons_reason_makes_it_a_manual_one_that_is_named_after_its_run():
    assert stated(reason=" many new coins ") == stated("manual", reason="many new coins")
    assert stated(reason="many new coins") == {
        "trigger": "manual", "key": "manual-01234567", "reason": "many new coins"
    }  # fmt: skip


@pytest.mark.parametrize("trigger", ["performance", "drift", "volume"])
def test_what_automation_says_is_for_runs_of_sensors_alone(trigger):
    said = {"trigger": trigger, "key": "data-sudden-2026-01-01-v1", "reason": "it drifts"}
    assert stated(**said, tags=SENSOR) == said
    with pytest.raises(NotACause, match="for runs of sensors only"):
        stated(**said)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"trigger": "mood"}, "none of schedule, performance, drift, volume, manual"),
        ({"trigger": "manual"}, "says why"),
        ({"reason": "  "}, "says why"),
        ({"reason": "a\u202eb"}, "can't be seen"),
        ({"trigger": "schedule", "reason": "x"}, "has no cause"),
        ({"trigger": "drift", "reason": "x", "tags": SENSOR}, "names its cause"),
    ],
)
def test_what_says_too_little_or_too_much_is_refused(said, words):
    with pytest.raises(NotACause, match=words):
        stated(**said)
