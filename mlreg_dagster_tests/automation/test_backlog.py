import itertools
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlreg_dagster.automation.backlog import (
    at_most,
    basis_of_dataset,
    complete_days,
    find_backlog,
    order_of,
    outdated_days,
)
from mlreg_dagster.config import DatasetSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.datasets.windows import windows_of

START = as_hour("2026-01-01")
TABLES = ("snapshots", "features", "predictions", "outcomes")
LOOKBACK, HORIZON = 5, 3
DAY = pd.Timedelta(days=1)


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
            self.run(*piece, TABLES[3:])
        return bool(backlog.unvalidated)


@st.composite
def storages(draw):
    """What is left by runs of any jobs for any hours in any order, some of which died half way."""
    storage = Storage(draw(st.integers(1, 24)), draw(st.integers(0, 24)))
    if draw(st.booleans()):
        storage.run(storage.hours[0], storage.hours[-1])
    position = st.integers(0, storage.size - 1)
    for _ in range(draw(st.integers(0, 6))):
        first, last = sorted((draw(position), draw(position)))
        start, end = sorted((draw(st.integers(0, 3)), draw(st.integers(1, 4))))
        storage.run(storage.hours[first], storage.hours[last], TABLES[start:end])
    return storage


def expand(pieces):
    return [hour for first, last in pieces for hour in pd.date_range(first, last, freq="h")]


def verdict(storage: Storage, position: int) -> str:
    """Slow and obvious: what has to be done about one hour."""
    snapshots, features, predictions, outcomes = (list(storage.ids[table]) for table in TABLES)

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
    if looked_after(outcomes) and any(outcomes[position] < each for each in [*validated, *read_since(HORIZON)]):
        return "unvalidated"
    return "up to date"


@settings(max_examples=4 * settings.default.max_examples)
@given(storages())
def test_every_hour_is_where_a_slow_look_puts_it(storage):
    backlog = storage.look()
    found = {}
    for name in ("missing", "outdated", "unvalidated"):
        for hour in expand(getattr(backlog, name)):
            assert hour not in found
            found[hour] = name
    for position, hour in enumerate(storage.hours):
        assert found.get(hour, "up to date") == verdict(storage, position)


@settings(max_examples=4 * settings.default.max_examples)
@given(storages())
def test_pieces_are_consecutive_and_as_few_as_possible(storage):
    backlog = storage.look()
    for pieces in (backlog.missing, backlog.outdated, backlog.unvalidated):
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


def test_no_hours_are_no_backlog():
    nothing = np.zeros(0, dtype=np.int64)
    hours = hour_range(START, START - HOUR)
    backlog = find_backlog(hours, *[nothing] * 4, lookback_hours=LOOKBACK, horizon_hours=HORIZON, recent=START)
    assert (backlog.missing, backlog.outdated, backlog.unvalidated) == ([], [], [])
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


# --- days -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 30), st.integers(1, 120), st.data())
def test_complete_days_are_those_with_24_hours(offset, size, data):
    hours = hour_range(START + offset * HOUR, START + (offset + size - 1) * HOUR)
    lacking = data.draw(st.sets(st.integers(0, size - 1), max_size=3))
    made = np.array([0 if position in lacking else position + 1 for position in range(size)], dtype=np.int64)
    there = {hour for hour, order in zip(hours, made, strict=True) if order}
    expected = [
        day
        for day in pd.date_range(START, hours[-1], freq="D")
        if all(day + step * HOUR in there for step in range(24))
    ]
    assert list(complete_days(hours, made)) == expected


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8))
def test_days_are_measured_again_when_an_outcome_is_newer(days_and_measures):
    hours = hour_range(START, START + 24 * len(days_and_measures) * HOUR - HOUR)
    outcomes = np.concatenate([[newest, *[newest // 2] * 23] for newest, _ in days_and_measures]).astype(np.int64)
    measured = np.array([measure for _, measure in days_and_measures], dtype=np.int64)
    days = complete_days(hours, np.ones(len(hours), dtype=np.int64))
    pieces = outdated_days(hours, outcomes, days, measured)
    found = [day for first, last in pieces for day in pd.date_range(first, last, freq="D")]
    expected = [day for day, (newest, measure) in zip(days, days_and_measures, strict=True) if measure < newest]
    assert found == expected
    assert all(later > earlier + DAY for (_, earlier), (later, _) in itertools.pairwise(pieces))


def test_days_without_outcomes_are_not_measured_and_incomplete_ones_are_left_out():
    hours = hour_range(START, START + 71 * HOUR)
    outcomes = np.concatenate([np.zeros(24), np.arange(1, 49)]).astype(np.int64)
    days = pd.DatetimeIndex([START, START + DAY])
    measured = np.zeros(2, dtype=np.int64)
    assert outdated_days(hours, outcomes, days, measured) == [(START + DAY, START + DAY)]


# --- datasets ---------------------------------------------------------------------------------------------------

SETTINGS = DatasetSettings(
    history_hours=72, holdout_hours=24, embargo_hours=12, min_training_hours=30, min_holdout_hours=20
)
DATASET_DAY = as_hour("2026-01-05")
WINDOWS = windows_of(DATASET_DAY, SETTINGS)
BEHIND = hour_range(WINDOWS.training.first - LOOKBACK * HOUR, WINDOWS.holdout.end - HOUR)


def basis(snapshots, features):
    return basis_of_dataset(WINDOWS, BEHIND, snapshots, features, lookback_hours=LOOKBACK, settings=SETTINGS)


@pytest.fixture
def week():
    """Snapshots and features, all there and in order: features of an hour follow its snapshot."""
    snapshots = np.arange(1, 2 * len(BEHIND), 2)
    return snapshots, snapshots + 1


def test_a_dataset_rests_on_the_newest_features_of_its_windows(week):
    snapshots, features = week
    assert basis(snapshots, features) == features[-1]
    features[20] = 5000  # made again
    assert basis(snapshots, features) == 5000


@pytest.mark.parametrize(
    ("window", "allowed"), [(WINDOWS.training, 6), (WINDOWS.holdout, 4)], ids=["training", "holdout"]
)
def test_too_few_hours_are_no_basis(week, window, allowed):
    snapshots, features = week
    inside = np.flatnonzero(BEHIND.isin(window.hours))
    lost = inside[:allowed]
    snapshots[lost], features[lost] = 0, 0
    assert isinstance(basis(snapshots, features), int)
    lost = inside[: allowed + 1]
    snapshots[lost], features[lost] = 0, 0
    assert "window has features for " in basis(snapshots, features)


def test_hours_in_the_embargo_don_t_make_up_for_those_of_the_windows(week):
    snapshots, features = week
    outside = ~BEHIND.isin(WINDOWS.training.hours.union(WINDOWS.holdout.hours))
    snapshots[outside], features[outside] = 0, 0
    assert isinstance(basis(snapshots, features), int)
    assert "training window has features for 0 hours" in basis(np.where(outside, 1, 0), np.where(outside, 2, 0))


@pytest.mark.parametrize("position", [LOOKBACK, 40, len(BEHIND) - 1])
def test_features_older_than_a_snapshot_they_read_are_no_basis(week, position):
    snapshots, features = week
    snapshots[position] = 5000
    assert "wait for the follow-up" in basis(snapshots, features)
    features[position : position + LOOKBACK + 1] = 5001
    assert basis(snapshots, features) == 5001


def test_a_late_snapshot_before_the_windows_counts_if_they_read_it(week):
    snapshots, features = week
    snapshots[0] = 5000
    assert "wait for the follow-up" in basis(snapshots, features)  # read by the first hour of the training window
    features[LOOKBACK] = 5001
    assert basis(snapshots, features) == 5001  # what lies before the windows may stay as it is
