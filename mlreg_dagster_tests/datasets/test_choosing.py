"""Labelled rows and whole days: what is left out is not replaced, and a day is refused before a run is started for it.

Training and holdout windows are in `test_low_quality`.
"""

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets import choosing
from mlreg_dagster.datasets.choosing import LowQuality, WaitsForRepair, choose_labelled, read_from, refusal
from mlreg_dagster.datasets.windows import Window, windows_of
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.datasets.test_low_quality import DAY, LATER, MARKET, configured, day, days_in, lost

LABELLED = Window(day(10), day(2))


def test_a_bad_day_among_labelled_rows_is_left_out_and_nothing_replaces_it():
    choice = choose_labelled(lost(day(6)), LABELLED, configured())
    assert choice.window == LABELLED
    assert days_in(choice) == {day(before) for before in range(3, 11)} - {day(6)}
    assert set(choice.left_out.days) == {f"{day(6):%Y-%m-%d}"}


@pytest.mark.parametrize("policy", ["exclude", "wait", "refuse"])
def test_labelled_rows_are_taken_whatever_the_policy_for_windows_is(policy):
    assert days_in(choose_labelled(lost(day(6)), LABELLED, configured(policy), )) == {
        day(before) for before in range(3, 11) if before != 6
    }  # fmt: skip


def test_a_bad_instrument_among_labelled_rows_goes_alone():
    choice = choose_labelled(lost(day(6), instruments=2), LABELLED, configured())
    assert not choice.left_out.days
    assert set(choice.left_out.instruments) == {"coin00", "coin01"}
    assert len(choice.features) == 8 * 24 * 20 - 2 * 24


def test_training_reads_a_week_more_than_it_may_reach_back():
    window = windows_of(DAY, configured().datasets).training
    assert read_from(window, configured(replace_days=3).datasets) == window.first - pd.Timedelta(days=3 + 7)


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Tables whose features are what the test says."""
    warehouse = DuckDBWarehouse(tmp_path / "tables.duckdb")
    read: list[tuple[pd.Timestamp, pd.Timestamp]] = []

    def hold(frame: pd.DataFrame) -> DuckDBWarehouse:
        def rows(_table, first, last):
            read.append((first, last))
            return frame[frame["hour"].between(first, last)]

        monkeypatch.setattr(warehouse, "read", rows)
        warehouse.read_of = read
        return warehouse

    return hold


def test_a_day_whose_windows_are_in_order_is_not_refused(tables):
    held = tables(MARKET)
    assert refusal(held, DAY, configured(), LATER) is None
    windows = windows_of(DAY, configured().datasets)
    assert held.read_of == [(read_from(windows.training, configured().datasets), windows.holdout.end - HOUR)]


@pytest.mark.parametrize(("spoiled", "window"), [(3, "training"), (0, "holdout")])
def test_a_day_is_refused_by_either_window(tables, spoiled, window):
    found = refusal(tables(lost(day(spoiled))), DAY, configured("refuse"), LATER)
    assert type(found) is LowQuality
    assert f"The {window} window" in str(found)


def test_a_day_that_may_still_be_repaired_waits(tables):
    held, settings = tables(lost(day(3))), configured("wait")
    ends = windows_of(DAY, settings.datasets).holdout.end
    assert isinstance(refusal(held, DAY, settings, ends), WaitsForRepair)
    assert refusal(held, DAY, settings, ends + settings.datasets.quality.wait_hours * HOUR) is None
    assert pd.Timedelta(days=7) == choosing.KNOWN_WITHIN
