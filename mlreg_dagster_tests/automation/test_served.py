"""The sensor for what was answered online: what is due follows from the segments, the files and the tables."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.automation.backlog import outdated_days, unvalidated_answers
from mlreg_dagster.core.hours import HOUR, as_hour, hour_key, hour_range
from mlreg_dagster.outcomes.served.schema import SERVED_OUTCOMES, SERVED_PREDICTIONS
from mlreg_dagster.storage.prediction_log import layout_of, sealed_segments
from mlreg_dagster_tests.serving.log.answers import answer
from mlreg_dagster_tests.serving.log.segments import write

ANSWERED = as_hour("2026-01-01T20:00")
"""In the settled location, whose outcomes are due after two hours, all hours of that day are there."""


def about(asked: pd.Timestamp, at: pd.Timestamp = ANSWERED, instrument: str = "btc"):
    return answer(at=at.to_pydatetime() + timedelta(minutes=3), instruments=(instrument,), hours=(hour_key(asked),))


@pytest.mark.slow
def test_segments_are_stored_then_outcomes_then_the_day_is_measured(reopen):
    location = reopen()
    assert "No server has answered yet" in location.ask("served_sensor").skip_message
    write(location.world.home, about(ANSWERED - HOUR), about(ANSWERED - HOUR), answer(at=ANSWERED.to_pydatetime()))
    assert location.tick("served_sensor") == ["served_only 2026-01-01-20:00...2026-01-01-20:00"]
    assert location.tick("served_sensor") == ["served_outcomes_only 2026-01-01-21:00...2026-01-01-21:00"]
    assert "All segments of hours that have ended are stored" in location.ask("served_sensor").skip_message
    assert len(location.table(SERVED_PREDICTIONS)) == 3
    assert len(location.table(SERVED_OUTCOMES)) == 1
    assert location.tick("days_sensor") == ["performance 2026-01-01...2026-01-01"]
    assert location.tick("days_sensor") == []


@pytest.mark.slow
def test_late_segments_lost_rows_and_killed_runs_are_followed_up(reopen):
    location = reopen()
    home, layout = location.world.home, layout_of(location.world.home)
    write(home, about(ANSWERED - HOUR))
    location.tick("served_sensor")
    location.tick("served_sensor")
    write(home, about(ANSWERED - 3 * HOUR))  # a late segment of the same hour, about another one
    assert location.tick("served_sensor") == ["served_only 2026-01-01-20:00...2026-01-01-20:00"]
    assert location.tick("served_sensor") == [
        "served_outcomes_only 2026-01-01-19:00...2026-01-01-19:00",
        "served_outcomes_only 2026-01-01-21:00...2026-01-01-21:00",
    ]
    assert len(location.table(SERVED_PREDICTIONS)) == 2
    location.world.warehouse.write(SERVED_PREDICTIONS, SERVED_PREDICTIONS.empty(), [ANSWERED])
    assert location.tick("served_sensor") == ["served_only 2026-01-01-20:00...2026-01-01-20:00"]
    assert len(location.table(SERVED_PREDICTIONS)) == 2
    layout.hour_file(ANSWERED - 5 * HOUR).write_bytes(layout.hour_file(ANSWERED).read_bytes())  # and no run recorded it
    request = location.ask("served_sensor").run_requests[0]
    assert request.tags["dagster/asset_partition_range_start"] == "2026-01-01-15:00"


@pytest.mark.slow
def test_an_hour_waits_for_its_end_and_dead_processes_for_nobody(reopen):
    location = reopen("2026-01-02T00:00:40")  # a living process may not have sealed its last segment yet
    home, layout = location.world.home, layout_of(location.world.home)
    write(home, about(as_hour("2026-01-01T22:00"), at=as_hour("2026-01-01T23:00")))
    assert not location.ask("served_sensor").run_requests
    (sealed,) = sealed_segments(layout)
    sealed.rename(layout.open / "left-by-a-dead-process.jsonl")
    location = reopen("2026-01-02T00:02")
    assert location.tick("served_sensor") == ["served_only 2026-01-01-23:00...2026-01-01-23:00"]
    assert len(location.table(SERVED_PREDICTIONS)) == 1


HOURS = hour_range(as_hour("2026-01-01"), as_hour("2026-01-02T23:00"))


def orders(**at: int) -> np.ndarray:
    found = np.zeros(len(HOURS), dtype=np.int64)
    for position, order in at.items():
        found[int(position.removeprefix("h"))] = order
    return found


@pytest.mark.parametrize(
    ("answers", "outcomes", "due"),
    [
        (orders(h30=100), orders(), [30]),
        (orders(h30=100), orders(h30=101), []),
        (orders(h30=100), orders(h30=99), [30]),
        (orders(), orders(h30=40), []),
        (orders(), orders(h30=29), [30]),  # an hour of the market was repaired since
        (orders(h47=100), orders(), []),  # whose snapshot is not there yet
    ],
)
def test_outcomes_of_answers_are_due_once_their_snapshots_are_there(answers, outcomes, due):
    snapshots = np.arange(1, len(HOURS) + 1)
    snapshots[47] = 0
    assert unvalidated_answers(HOURS, snapshots, answers, outcomes, 24) == [(HOURS[each], HOURS[each]) for each in due]


def test_served_answers_take_their_own_day_along_and_no_other():
    days = pd.DatetimeIndex([HOURS[0], HOURS[24]])
    outcomes, measured = np.ones(len(HOURS), dtype=np.int64), np.array([5, 5])
    assert outdated_days(HOURS, outcomes, days, measured, orders(h3=9)) == [(days[0], days[0])]
    assert outdated_days(HOURS, outcomes, days, measured, orders(h3=4)) == []
