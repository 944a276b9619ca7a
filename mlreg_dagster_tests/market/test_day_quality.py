"""What is wrong with a day is counted exactly, and by nothing that comes later."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.market.day_quality import DayQuality, quality_of_days

FIRST = as_hour("2026-01-05")
LOOKBACKS = {"change_1h_pct": 1, "volume": 0}


def rows(days: int = 3, instruments: int = 10) -> pd.DataFrame:
    hours = pd.date_range(FIRST, periods=24 * days, freq="h", unit="us")
    frame = pd.DataFrame(
        {
            "hour": hours.repeat(instruments),
            "instrument_id": np.tile([f"coin{number}" for number in range(instruments)], len(hours)),
        }
    )
    return frame.assign(change_1h_pct=np.arange(len(frame)) % 7 + 1.0, volume=1.0)


def counted(frame: pd.DataFrame, days: int = 3, **limits: float) -> DayQuality:
    return quality_of_days(frame, pd.date_range(FIRST, periods=days, unit="us"), LOOKBACKS, 10, **limits)


def chosen(frame: pd.DataFrame, first: str, last: str, *instruments: str) -> pd.Series:
    among = frame["instrument_id"].isin(instruments) if instruments else True
    return frame["hour"].between(as_hour(first), as_hour(last)) & among


def test_a_good_day_has_nothing():
    quality = counted(rows())
    assert quality.days.to_dict("index")[FIRST] == {
        "rows": 240,
        "hours": 24,
        "thin_hours": 0,
        "universe_share": 1.0,
        "stale_hours": 0.0,
        "frozen_share": 0.0,
        "impossible": 0,
    }
    assert not quality.nulls.to_numpy().any()
    assert not quality.instruments[["lost", "frozen_hours", "impossible"]].to_numpy().any()


def test_nulls_are_shares_of_rows_and_lost_where_they_were_known_before():
    frame = rows()
    frame.loc[chosen(frame, "2026-01-06T00:00", "2026-01-06T11:00", "coin0", "coin1"), "volume"] = np.nan
    frame.loc[frame["instrument_id"] == "coin9", "volume"] = np.nan  # which never has one
    quality = counted(frame)
    assert quality.nulls["volume"].tolist() == pytest.approx([0.1, 0.2, 0.1])
    assert quality.lost["volume"].tolist() == pytest.approx([0, 0.1, 0])
    worst = quality.instruments.loc[(FIRST + pd.Timedelta(days=1), "coin0")]
    assert (worst["lost"], worst["lost_feature"]) == (0.5, "volume")
    assert quality.instruments.loc[(FIRST, "coin9"), "lost_feature"] == ""


def test_what_a_gap_leaves_unknown_is_not_lost():
    frame = rows()
    after = chosen(frame, "2026-01-06T06:00", "2026-01-06T07:00", "coin0")
    frame.loc[after, "change_1h_pct"] = np.nan
    assert counted(frame).lost["change_1h_pct"].tolist() == pytest.approx([0, 2 / 240, 0])
    frame = frame[~chosen(frame, "2026-01-06T02:00", "2026-01-06T05:00", "coin0")]
    assert counted(frame).lost["change_1h_pct"].tolist() == pytest.approx([0, 1 / 236, 0])


def test_hours_that_lack_instruments_are_thin_and_a_feed_that_stopped_is_stale():
    frame = rows()
    frame = frame[~chosen(frame, "2026-01-06T03:00", "2026-01-06T05:00", "coin1", "coin2", "coin3")]
    frame = frame[~chosen(frame, "2026-01-07T20:00", "2026-01-07T23:00")]
    days = counted(frame).days
    assert days["thin_hours"].tolist() == [0, 3, 4]
    assert days["stale_hours"].tolist() == [0, 0, 4]
    assert days["hours"].tolist() == [24, 24, 20]
    assert days["universe_share"].tolist() == pytest.approx([1, 1 - 9 / 240, 1])


def test_a_price_that_stands_still_for_long_within_a_day_is_frozen():
    frame = rows()
    frame.loc[chosen(frame, "2026-01-05T20:00", "2026-01-06T11:00", "coin0"), "change_1h_pct"] = 0.0
    frame.loc[chosen(frame, "2026-01-07T01:00", "2026-01-07T11:00", "coin0"), "change_1h_pct"] = 0.0
    quality = counted(frame)
    assert quality.instruments.xs("coin0", level="instrument_id")["frozen_hours"].tolist() == [4, 12, 11]
    assert quality.days["frozen_share"].tolist() == pytest.approx([0, 0.1, 0])


def test_a_gap_ends_the_time_that_a_price_stood_still():
    frame = rows()
    frame.loc[chosen(frame, "2026-01-06T00:00", "2026-01-06T13:00", "coin0"), "change_1h_pct"] = 0.0
    frame = frame[~chosen(frame, "2026-01-06T06:00", "2026-01-06T06:00", "coin0")]
    assert counted(frame).instruments.loc[(FIRST + pd.Timedelta(days=1), "coin0"), "frozen_hours"] == 7


def test_moves_that_cannot_be_are_counted():
    frame = rows()
    frame.loc[chosen(frame, "2026-01-06T03:00", "2026-01-06T04:00", "coin0"), "change_1h_pct"] = [-51.0, 51.0]
    assert counted(frame).days["impossible"].tolist() == [0, 2, 0]
    assert counted(frame, max_abs_change_1h_pct=60.0).days["impossible"].tolist() == [0, 0, 0]


def test_a_day_without_rows_is_there():
    frame = rows()
    quality = counted(frame[~chosen(frame, "2026-01-06T00:00", "2026-01-06T23:00")])
    empty = quality.days.iloc[1]
    assert (empty["rows"], empty["thin_hours"], empty["stale_hours"], empty["universe_share"]) == (0, 24, 24, 0)
    assert quality.nulls.iloc[1].isna().all()
    assert counted(frame.iloc[:0]).days["rows"].tolist() == [0, 0, 0]


@given(st.integers(0, 2**32), st.integers(1, 3))
def test_a_day_is_judged_alike_whatever_follows(seed, until):
    frame, rng = rows(instruments=4), np.random.default_rng(seed)
    frame = frame.mask(
        frame.assign(hour=0, instrument_id=0).map(lambda _: rng.random() < 0.1) & (frame.columns.isin(list(LOOKBACKS)))
    )
    frame = frame[rng.random(len(frame)) > 0.1]
    frame["change_1h_pct"] = frame["change_1h_pct"].where(rng.random(len(frame)) > 0.5, 0.0)
    end = FIRST + pd.Timedelta(days=until)
    whole, early = counted(frame.sample(frac=1, random_state=0)), counted(frame[frame["hour"] < end])
    for name in ("days", "nulls", "lost"):
        pd.testing.assert_frame_equal(getattr(whole, name).iloc[:until], getattr(early, name).iloc[:until])
    same = whole.instruments[whole.instruments.index.get_level_values("day") < end]
    pd.testing.assert_frame_equal(same, early.instruments)
