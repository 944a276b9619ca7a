import itertools
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlreg_dagster.automation.backlog import at_most, complete_days, find_backlog, order_of, outdated_days
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range

START = as_hour("2026-01-01")
TABLES = ("snapshots", "features", "predictions", "outcomes", "reasons")
LOOKBACK, HORIZON = 5, 3


@dataclass
class Storage:
    """The newest id of each hour of each table; `run` gives fresh ids in the order in which a job writes them."""

    size: int
    recent: int = 0
    ids: dict[str, np.ndarray] = field(default_factory=dict)
    last_id: int = 1000

    def __post_init__(self) -> None:
        self.ids = {table: self.ids.get(table, np.zeros(self.size, dtype=np.int64)) for table in TABLES}
        self.hours = hour_range(START, START + (self.size - 1) * HOUR)

    def run(self, first: pd.Timestamp, last: pd.Timestamp, tables: tuple[str, ...] = TABLES) -> None:
        for table in tables:
            for position in np.flatnonzero((self.hours >= first) & (self.hours <= last)):
                self.last_id += 1
                self.ids[table][position] = self.last_id

    def look(self):
        recent = START + self.recent * HOUR
        limits = {"lookback_hours": LOOKBACK, "horizon_hours": HORIZON, "recent": recent}
        return find_backlog(self.hours, *self.ids.values(), **limits)

    def work(self) -> bool:
        """One round, as the sensor asks for it; whether there was anything to do."""
        backlog = self.look()
        for piece in backlog.missing:
            self.run(*piece)
        for piece in backlog.outdated:
            self.run(*piece, TABLES[1:])
        if backlog.missing or backlog.outdated:
            return True
        for piece in backlog.unvalidated:
            self.run(*piece, TABLES[3:4])
        for piece in backlog.unexplained:
            self.run(*piece, TABLES[4:])
        return bool(backlog.unvalidated or backlog.unexplained)


@st.composite
def storages(draw):
    """What is left by runs of any jobs for any hours in any order, some of which died half way."""
    storage = Storage(draw(st.integers(1, 24)), draw(st.integers(0, 24)))
    if draw(st.booleans()):
        storage.run(storage.hours[0], storage.hours[-1])
    position = st.integers(0, storage.size - 1)
    for _ in range(draw(st.integers(0, 6))):
        first, last = sorted((draw(position), draw(position)))
        start, end = sorted((draw(st.integers(0, 4)), draw(st.integers(1, 5))))
        storage.run(storage.hours[first], storage.hours[last], TABLES[start:end])
    return storage


def expand(pieces):
    return [hour for first, last in pieces for hour in pd.date_range(first, last, freq="h")]


def verdict(storage: Storage, position: int) -> str:
    """Slow and obvious: what has to be done about one hour."""
    snapshots, features, predictions, outcomes, reasons = (list(storage.ids[table]) for table in TABLES)

    def read_since(hours_back: int) -> list[int]:
        return [snapshots[earlier] for earlier in range(max(0, position - hours_back), position + 1)]

    def looked_after(table: list[int]) -> bool:
        return position >= storage.recent or any(table[: position + 1])

    if snapshots[position] == 0:
        return "missing" if looked_after(snapshots) else "up to date"
    if looked_after(features) and any(features[position] < snapshot for snapshot in read_since(LOOKBACK)):
        return "outdated"
    if looked_after(predictions) and predictions[position] < features[position]:
        return "outdated"
    validated = [predictions[position - HORIZON]] if position >= HORIZON else []
    due = []
    if looked_after(outcomes) and any(outcomes[position] < each for each in [*validated, *read_since(HORIZON)]):
        due.append("unvalidated")
    if looked_after(reasons) and reasons[position] < predictions[position]:
        due.append("unexplained")
    return ", ".join(due) or "up to date"


@settings(max_examples=4 * settings.default.max_examples)
@given(storages())
def test_every_hour_is_where_a_slow_look_puts_it(storage):
    backlog = storage.look()
    found = {}
    for name in ("missing", "outdated", "unvalidated", "unexplained"):
        for hour in expand(getattr(backlog, name)):
            assert name == "unexplained" or hour not in found
            found[hour] = f"{found[hour]}, {name}" if hour in found else name
    for position, hour in enumerate(storage.hours):
        assert found.get(hour, "up to date") == verdict(storage, position)


@settings(max_examples=4 * settings.default.max_examples)
@given(storages())
def test_pieces_are_consecutive_and_as_few_as_possible(storage):
    backlog = storage.look()
    for pieces in (backlog.missing, backlog.outdated, backlog.unvalidated, backlog.unexplained):
        assert all(first <= last for first, last in pieces)
        for (_, end), (start, _) in itertools.pairwise(pieces):
            assert start > end + HOUR  # with a gap between, or they would be one
        assert all(hour in storage.hours for hour in expand(pieces))


@settings(max_examples=4 * settings.default.max_examples)
@given(storages())
def test_three_rounds_bring_any_state_up_to_date(storage):
    rounds = 0
    while storage.work():
        rounds += 1
        assert rounds <= 3
    assert {verdict(storage, position) for position in range(storage.size)} == {"up to date"}


def test_a_fresh_home_is_one_range_and_then_done():
    storage = Storage(30)
    assert storage.look().missing == [(storage.hours[0], storage.hours[-1])]
    assert storage.work()
    assert not storage.work()


def test_a_late_hour_outdates_exactly_those_that_read_it():
    storage, late = Storage(30), START + 10 * HOUR
    storage.run(START, late - HOUR)
    for hour in storage.hours[11:]:
        storage.run(hour, hour)
    assert storage.look().missing == [(late, late)]
    assert not storage.look().outdated

    assert storage.work()
    assert storage.look().outdated == [(late + HOUR, late + LOOKBACK * HOUR)]
    assert not storage.look().missing

    assert storage.work()
    beyond = late + LOOKBACK * HOUR
    assert storage.look().unvalidated == [(beyond + HOUR, beyond + HORIZON * HOUR)]
    assert not storage.look().outdated

    assert storage.work()
    assert not storage.work()


def test_a_repaired_hour_is_followed_up_like_a_late_one():
    storage = Storage(30)
    storage.work()
    repaired = START + 20 * HOUR
    storage.run(repaired, repaired, TABLES[:1])
    assert storage.look().outdated == [(repaired, repaired + LOOKBACK * HOUR)]


def test_a_run_that_died_after_the_snapshots_is_continued():
    storage = Storage(10)
    storage.run(START, START + 9 * HOUR, TABLES[:1])
    assert storage.look().outdated == [(storage.hours[0], storage.hours[-1])]
    assert not storage.look().missing


def test_outcomes_follow_a_run_that_died_before_them():
    storage = Storage(10)
    storage.run(START, START + 9 * HOUR, TABLES[:3])
    assert storage.look().unvalidated == [(storage.hours[0], storage.hours[-1])]
    assert not storage.look().outdated


def test_reasons_follow_a_run_that_died_before_them():
    storage = Storage(10)
    storage.run(START, START + 9 * HOUR, TABLES[:4])
    backlog = storage.look()
    assert backlog.unexplained == [(storage.hours[0], storage.hours[-1])]
    assert (backlog.outdated, backlog.unvalidated) == ([], [])


def test_hours_predicted_before_there_were_reasons_are_not_overdue():
    storage = Storage(40, recent=30)
    storage.run(storage.hours[0], storage.hours[35], TABLES[:4])  # by a release without reasons
    assert storage.look().unexplained == [(storage.hours[30], storage.hours[35])]
    assert storage.work()
    storage.recent = 38  # time goes on
    storage.run(storage.hours[36], storage.hours[39])
    assert storage.look().unexplained == []


def test_no_hours_are_no_backlog():
    nothing = np.zeros(0, dtype=np.int64)
    hours = hour_range(START, START - HOUR)
    backlog = find_backlog(hours, *[nothing] * 5, lookback_hours=LOOKBACK, horizon_hours=HORIZON, recent=START)
    assert (backlog.missing, backlog.outdated, backlog.unvalidated, backlog.unexplained) == ([], [], [], [])
    days = complete_days(hours, nothing)
    assert len(days) == 0
    assert outdated_days(hours, nothing, days, nothing) == []


def test_an_outage_longer_than_what_is_recent_leaves_no_hole():
    storage = Storage(40, recent=35)
    storage.run(storage.hours[10], storage.hours[14])
    storage.run(storage.hours[39], storage.hours[39])  # the schedule goes on meanwhile
    assert storage.look().missing == [(storage.hours[15], storage.hours[38])]
    assert storage.work()
    assert storage.look().outdated == [(storage.hours[39], storage.hours[39])]


def test_what_is_older_than_the_oldest_hour_is_left_to_people():
    storage = Storage(40, recent=30)
    storage.run(storage.hours[5], storage.hours[35], TABLES[:2])  # a market to train on
    storage.run(storage.hours[20], storage.hours[35], TABLES[2:3])
    backlog = storage.look()
    assert backlog.missing == [(storage.hours[36], storage.hours[39])]
    assert backlog.outdated == []
    assert backlog.unvalidated == [(storage.hours[30], storage.hours[35])]


@pytest.mark.parametrize(
    ("pieces", "done"),
    [
        ([(0, 2)], [(0, 2)]),
        ([(0, 9)], [(0, 4)]),  # forward, so many at once
        ([(0, 1), (4, 9)], [(0, 1), (4, 6)]),
        ([(0, 4), (7, 9)], [(0, 4)]),
        ([(0, 30)], [(0, 4), (20, 30)]),  # the present does not wait
        ([(18, 22), (25, 99)], [(18, 19), (20, 22), (25, 99)]),
        ([(20, 99)], [(20, 99)]),
        ([], []),
    ],
)
def test_a_long_outage_is_worked_off_forward(pieces, done):
    def hours(pairs):
        return [(START + first * HOUR, START + last * HOUR) for first, last in pairs]

    assert at_most(hours(pieces), 5, START + 20 * HOUR) == hours(done)


def test_order_of_puts_ids_in_the_order_of_the_keys():
    assert list(order_of({"b": 7, "a": 3, "z": 9}, ["a", "b", "c"])) == [3, 7, 0]
