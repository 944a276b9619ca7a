import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import DatasetSettings, load_settings
from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.datasets.windows import Window, windows_of

DAY = as_hour("2017-12-19")


@st.composite
def any_settings(draw):
    holdout = draw(st.integers(1, 400))
    embargo = draw(st.integers(0, 400))
    training = draw(st.integers(1, 400))
    return DatasetSettings(
        history_hours=holdout + embargo + training,
        holdout_hours=holdout,
        embargo_hours=embargo,
        min_training_hours=1,
        min_holdout_hours=1,
    )


@given(any_settings(), st.integers(0, 4000))
def test_the_dataset_of_a_day_ends_with_it_and_its_windows_never_overlap(settings, days):
    day = as_hour("2016-01-01") + pd.Timedelta(days=days)
    windows = windows_of(day, settings)
    assert windows.holdout.end == day + pd.Timedelta(days=1)
    assert windows.holdout.first - windows.training.end == settings.embargo_hours * HOUR
    assert windows.training.hours.intersection(windows.holdout.hours).empty
    assert len(windows.training.hours) == settings.training_hours
    assert len(windows.holdout.hours) == settings.holdout_hours
    assert windows.holdout.end - windows.training.first == settings.history_hours * HOUR


@given(any_settings(), st.integers(1, 30))
def test_a_later_day_shifts_both_windows_by_as_much(settings, days):
    shift = pd.Timedelta(days=days)
    now, later = windows_of(DAY, settings), windows_of(DAY + shift, settings)
    assert later.training == Window(now.training.first + shift, now.training.end + shift)
    assert later.holdout == Window(now.holdout.first + shift, now.holdout.end + shift)


def test_seven_whole_days_and_one_by_default():
    windows = windows_of(DAY, DatasetSettings())
    assert str(windows.training) == "2017-12-12 00:00 to 2017-12-19 00:00 UTC"
    assert str(windows.holdout) == "2017-12-19 00:00 to 2017-12-20 00:00 UTC"


def test_the_configured_windows_know_each_hour_of_the_week():
    settings = load_settings().datasets
    assert settings == DatasetSettings()
    for day in range(7):
        windows = windows_of(DAY + pd.Timedelta(days=day), settings)
        known = set(zip(windows.training.hours.day_of_week, windows.training.hours.hour, strict=True))
        assert known == {(weekday, hour) for weekday in range(7) for hour in range(24)}
        assert settings.min_training_hours > windows.training.hours.size - 24  # so that no whole weekday is missing


def test_a_window_holds_its_first_hour_and_not_its_end():
    hours = Window(DAY, DAY + 3 * HOUR).hours
    assert [hours[0], hours[-1]] == [DAY, DAY + 2 * HOUR]
