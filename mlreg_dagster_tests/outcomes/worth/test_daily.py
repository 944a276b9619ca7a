"""What a day adds is the same however the days are cut, and a verdict knows nothing of later days."""

import pandas as pd
import pytest

from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth import daily
from mlreg_dagster.outcomes.worth.counts import COLUMNS
from mlreg_dagster.outcomes.worth.schema import MODEL_WORTH
from mlreg_dagster.outcomes.worth.verdict import worth_of
from mlreg_dagster_tests.outcomes.worth.days import (
    DAY,
    DAYS,
    FIRST,
    INSTRUMENTS,
    SETTINGS,
    counted_in,
    days_from,
    market,
)


@pytest.fixture(scope="module")
def outcomes():
    return market()


@pytest.fixture(scope="module")
def whole(outcomes):
    """All days in one range."""
    return counted_in([days_from(1, DAYS)], outcomes)


@pytest.mark.parametrize(("size", "until"), [(1, 15), (7, DAYS)])
def test_days_that_are_counted_piece_by_piece_equal_those_of_one_range(outcomes, whole, size, until):
    """Day by day until two weeks have ended and the champion has changed."""
    single = counted_in([days_from(day, min(size, until + 1 - day)) for day in range(1, until + 1, size)], outcomes)
    whole = whole[whole["day"] <= single["day"].max()].reset_index(drop=True)
    pd.testing.assert_frame_equal(whole[[*MODEL_WORTH.key, *COLUMNS]], single[[*MODEL_WORTH.key, *COLUMNS]])
    same = whole[whole["verdict"].notna()]
    key = list(MODEL_WORTH.key)
    again = same[key].merge(single, on=key)[list(same.columns)]
    pd.testing.assert_frame_equal(same.reset_index(drop=True), again, check_dtype=False)
    MODEL_WORTH.validate(whole)


def test_the_verdict_is_that_of_all_rows_up_to_the_day(outcomes, whole):
    last = whole[(whole["day"] == whole["day"].max()) & (whole["model_version"] == "v2")]
    direct = worth_of(outcomes, "v2", ["ranking:fall", "ranking:volatility"], SETTINGS.worth)
    assert set(last["worth"]) == {direct.verdict} == {"better"}
    assert set(last["sentence"]) == {direct.sentence}
    assert last.loc[last["is_best"], "opponent"].tolist() == [direct.best.opponent] == ["ranking:fall"]


def test_later_outcomes_change_no_earlier_row(outcomes):
    rows = counted_in([days_from(1, 14)], outcomes)
    end = FIRST + 15 * DAY
    altered = outcomes.assign(
        is_anomaly=outcomes["is_anomaly"] ^ (outcomes["hour"] >= end),
        outcome=outcomes["outcome"].where(outcomes["hour"] < end, "crash"),
    )
    pd.testing.assert_frame_equal(rows, counted_in([days_from(1, 14)], altered))


def test_champions_are_one_opponent_whichever_version_they_were(whole):
    champion = whole[whole["model_version"] == "champion"].groupby("opponent")["pairs"].sum()
    assert champion.to_dict() == dict.fromkeys(("ranking:fall", "ranking:volatility"), DAYS * 24 * INSTRUMENTS)
    against = whole[whole["opponent"] == "champion"].groupby("model_version")["pairs"].sum()
    assert against.to_dict() == {"v1": 19 * 24 * INSTRUMENTS, "v2": 10 * 24 * INSTRUMENTS}  # never against itself


def test_a_day_whose_last_hours_are_closed_is_counted_at_its_end():
    rows = counted_in([days_from(1, 7)], market(days=7, last_hour=8))
    assert rows["prediction_day"].max() == FIRST + 6 * DAY
    assert rows.groupby("day")["pairs"].max().eq(8 * INSTRUMENTS).all()


def test_a_market_without_a_crash_is_counted_all_the_same():
    calm = market(days=7).assign(outcome="no_crash")
    rows = counted_in([days_from(1, 7)], calm)
    assert rows["crashes"].eq(0).all()
    assert set(rows["worth"].dropna()) == {"unknown"}


def test_without_outcomes_there_are_no_rows_of_the_right_columns():
    rows = counted_in([days_from(1, 3)], PREDICTION_OUTCOMES.empty())
    assert rows.empty
    MODEL_WORTH.validate(rows.astype(MODEL_WORTH.empty().dtypes))


@pytest.mark.parametrize(("horizon", "before"), [(24, 1), (23, 1), (1, 1), (25, 2), (48, 2)])
def test_the_day_that_is_complete_at_the_end_of_a_day(horizon, before):
    day = pd.Timestamp("2020-02-01", tz="UTC")
    assert daily.prediction_day(day, horizon) == day - before * DAY
