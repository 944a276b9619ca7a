"""Splits: judged days end where they should, and are trained on what was known before them."""

from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.models.folds.splits import Split, days_of, last_days, split_before

END = as_hour("2026-02-01")
EARLIEST = END - 10 * 24 * HOUR


def test_days_before_an_hour_touch_and_the_newest_comes_first():
    newest, *others = last_days(END, 3)
    assert newest.end == END
    for later, earlier in zip((newest, *others), others, strict=False):
        assert earlier.end == later.first
        assert len(earlier.hours) == 24


@given(gap=st.integers(0, 400), most=st.none() | st.integers(1, 400))
def test_training_ends_a_gap_before_and_never_begins_before_there_are_rows(gap, most):
    judged = Window(END - 24 * HOUR, END)
    train = split_before(judged, EARLIEST, gap, most).train
    assert train.end + gap * HOUR == judged.first
    assert train.first <= train.end
    assert train.first == train.end or train.first >= EARLIEST
    assert most is None or (train.end - train.first) / HOUR <= most


def test_a_split_comes_back_from_its_texts():
    split = split_before(last_days(END, 1)[0], EARLIEST, 6)
    assert split.as_texts()[2:] == ("2026-01-31T00:00:00+00:00", "2026-02-01T00:00:00+00:00")
    assert Split.of_texts(split.as_texts()) == split


def test_a_window_is_cut_into_days_from_its_first_hour_on():
    days = days_of(Window(END - 30 * HOUR, END))
    assert [(day.end - day.first) / HOUR for day in days] == [24, 6]
    assert (days[0].first, days[-1].end) == (END - 30 * HOUR, END)
