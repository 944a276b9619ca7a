"""What happened to the training of a cause, as of the end of each day."""

from datetime import date

import pandas as pd
import pytest

from mlreg_dagster.monitoring.response.decisions import Cause
from mlreg_dagster.monitoring.response.trainings import training_of
from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.registry.builders import BAD, evaluate, move, register

CAUSE = Cause("data", "sudden", date(2018, 1, 1), "v1")
DAY = pd.Timedelta(days=1)
TRAINED = pd.Timestamp("2018-01-16 02:00", tz="UTC")


@pytest.fixture
def registry(tmp_path):
    """A champion, and a version that was trained for the cause on the 16th of January."""
    registry = Registry(f"sqlite:///{tmp_path}/registry.sqlite")
    register(registry, "v1")
    evaluate(registry, "v1")
    move(registry, "v1", None)
    register(registry, "v2", created_at=TRAINED, manifest={"cause": {"trigger": "drift", "key": CAUSE.key}})
    return registry


def on_days(registry, *days, failed=()):
    return [training_of(registry, lambda _: failed, CAUSE, date(2018, 1, day)) for day in days]


def test_before_it_was_trained_there_is_none_and_what_came_later_does_not_count(registry):
    assert on_days(registry, 15, 16, 17) == ["none", "under_way", "under_way"]
    evaluate(registry, "v2", BAD, recorded_at=TRAINED + DAY)
    assert on_days(registry, 15, 16, 17) == ["none", "under_way", "rejected"]


def test_one_that_passed_waits_until_it_is_champion(registry):
    evaluate(registry, "v2", recorded_at=TRAINED)
    assert on_days(registry, 16) == ["under_way"]
    move(registry, "v2", "v1", effective_at=TRAINED + DAY, time=TRAINED + DAY)
    assert on_days(registry, 16, 17) == ["under_way", "promoted"]
    move(registry, "v1", "v2", effective_at=TRAINED + 2 * DAY, time=TRAINED + 2 * DAY)
    assert on_days(registry, 18) == ["promoted"]


def test_an_experiment_rejects_nothing(registry):
    evaluate(registry, "v2", BAD, recorded_at=TRAINED, departures=["the seed was 1"])
    assert on_days(registry, 16) == ["under_way"]


def test_a_run_that_failed_is_a_training_that_failed(registry):
    other = Cause("data", "sudden", date(2018, 1, 2), "v1")
    failed = [TRAINED + DAY]
    found = [training_of(registry, lambda key: failed if key == other.key else [], other, date(2018, 1, day))
             for day in (16, 17)]  # fmt: skip
    assert found == ["none", "failed"]
    assert on_days(registry, 17, failed=failed) == ["failed"]  # it was trained, and its evaluation failed
    evaluate(registry, "v2", recorded_at=TRAINED + DAY)
    assert on_days(registry, 17, failed=failed) == ["under_way"]
