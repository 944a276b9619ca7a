"""Days and instruments of low quality never get into a dataset, whatever the policy does with them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlreg_dagster.config import Settings
from mlreg_dagster.core.hours import HOUR, as_hour
from mlreg_dagster.datasets.choosing import Choice, LowQuality, choose_holdout, choose_training
from mlreg_dagster.datasets.low_quality import LEFT_OUT, left_out_in_words, recorded, without_left_out
from mlreg_dagster.datasets.windows import windows_of

DAY = as_hour("2026-03-20")
FIRST = DAY - pd.Timedelta(days=20)
INSTRUMENTS = 20
LATER = DAY + pd.Timedelta(days=30)
VOLUME = "slog_volume_24h"


def day(before: int) -> pd.Timestamp:
    """The day so many days before the dataset's."""
    return DAY - pd.Timedelta(days=before)


def market() -> pd.DataFrame:
    hours = pd.date_range(FIRST, DAY + 23 * HOUR, freq="h", unit="us")
    frame = pd.DataFrame(
        {
            "hour": hours.repeat(INSTRUMENTS),
            "instrument_id": np.tile([f"coin{number:02d}" for number in range(INSTRUMENTS)], len(hours)),
        }
    )
    return frame.assign(change_1h_pct=np.arange(len(frame)) % 7 + 1.0, **{VOLUME: 1.0})


MARKET = market()


def at(frame: pd.DataFrame, when: pd.Timestamp, instruments: int = INSTRUMENTS, hours: int = 24) -> pd.Series:
    chosen = frame["hour"].between(when, when + (hours - 1) * HOUR)
    return chosen & (frame["instrument_id"] < f"coin{instruments:02d}")


def lost(*days: pd.Timestamp, instruments: int = INSTRUMENTS, frame: pd.DataFrame = MARKET) -> pd.DataFrame:
    """Volumes of those days are unknown."""
    frame = frame.copy()
    for each in days:
        frame.loc[at(frame, each, instruments), VOLUME] = np.nan
    return frame


def configured(policy: str = "exclude", **limits: float) -> Settings:
    datasets = {"low_quality": policy, "quality": limits}
    return Settings(datasets=datasets)


def train(frame: pd.DataFrame, policy: str = "exclude", now: pd.Timestamp = LATER, **limits: float) -> Choice:
    settings = configured(policy, **limits)
    return choose_training(frame, windows_of(DAY, settings.datasets).training, settings, now)


def hold_out(frame: pd.DataFrame, policy: str = "exclude", now: pd.Timestamp = LATER) -> Choice:
    settings = configured(policy)
    windows = windows_of(DAY, settings.datasets)
    return choose_holdout(frame, windows.holdout, settings, now)


def days_in(choice: Choice) -> set[pd.Timestamp]:
    return set(choice.features["hour"].dt.floor("D"))


def test_a_good_week_is_taken_as_it_is():
    choice = train(MARKET)
    assert not choice.left_out
    assert recorded(choice.left_out, configured().datasets) == {}
    assert choice.window == windows_of(DAY, configured().datasets).training
    assert days_in(choice) == {day(before) for before in range(1, 8)}
    assert str(choice.left_out) == "Nothing was left out for low quality."


def test_a_bad_day_is_left_out_and_replaced_until_its_weekday_is_known():
    choice = train(lost(day(3)))
    assert choice.window.first == day(10)
    assert days_in(choice) == {day(before) for before in range(1, 11)} - {day(3)}
    facts = recorded(choice.left_out, configured().datasets)[LEFT_OUT]
    assert facts["days"] == {"2026-03-17": ["100.0% of the rows lost slog_volume_24h; allowed are 20.0%."]}
    assert (facts["instruments"], facts["rows"], facts["earlier_days"]) == ({}, 24 * INSTRUMENTS, 3)
    assert (facts["low_quality"], facts["quality"]["max_null_share"]) == ("exclude", 0.2)
    assert "Left out for low quality: 1 day (2026-03-17: 100.0% of the rows lost" in left_out_in_words(facts)
    assert "The window begins 3 days earlier than usual." in left_out_in_words(facts)


def test_too_few_good_days_are_refused_in_words():
    with pytest.raises(LowQuality) as refused:
        train(lost(*(day(before) for before in range(1, 11))))
    text = str(refused.value)
    assert "has 7 days of low quality. 2026-03-13: 100.0% of the rows lost slog_volume_24h" in text
    assert "the up to 7 days before that replace them, 4 days are left, and 7 are needed" in text
    assert "materialize market_snapshot and market_features for 2026-03-13-00:00...2026-03-19-23:00 again" in text
    with pytest.raises(LowQuality, match="6 days are left, and 7 are needed"):
        train(lost(day(3)), replace_days=0)


def test_refuse_makes_no_dataset_of_a_week_with_a_bad_day():
    assert not train(MARKET, "refuse").left_out
    with pytest.raises(LowQuality, match=r"1 day of low quality\. 2026-03-17.*low_quality in datasets\.yaml is refuse"):
        train(lost(day(3)), "refuse")


def test_wait_gives_time_to_repair_and_then_leaves_out():
    deadline = DAY + pd.Timedelta(days=2)
    with pytest.raises(LowQuality, match="they are left out from 2026-03-22 00:00 UTC on, unless they are repaired"):
        train(lost(day(3)), "wait", now=deadline - HOUR)
    assert set(train(lost(day(3)), "wait", now=deadline).left_out.days) == {"2026-03-17"}
    assert not train(MARKET, "wait", now=DAY).left_out


def test_an_instrument_is_left_out_on_the_day_it_is_bad_and_the_others_stay():
    frame = lost(day(2), instruments=2)
    frame.loc[at(frame, day(4), 1), "change_1h_pct"] = 0.0
    choice = train(frame)
    assert choice.left_out.instruments == {
        "coin00": {
            "2026-03-18": "100.0% of its rows lost slog_volume_24h.",
            "2026-03-16": "Its price stood still for 24 hours.",
        },
        "coin01": {"2026-03-18": "100.0% of its rows lost slog_volume_24h."},
    }
    assert not choice.left_out.days
    assert choice.window == windows_of(DAY, configured().datasets).training
    assert len(choice.features) == 7 * 24 * INSTRUMENTS - 3 * 24
    assert train(frame, "refuse").left_out == choice.left_out  # the policy is about days


@pytest.mark.parametrize(
    ("spoil", "reasons"),
    [
        (
            lambda frame: frame[~at(frame, day(3), 9)],
            (
                "55.0% of the usual instruments are left; asked are 60.0%.",
                "100.0% of its hours have too few instruments; allowed are 50.0%.",
            ),
        ),
        (
            lambda frame: frame[~at(frame, day(3), 10, hours=13)],
            ("54.2% of its hours have too few instruments; allowed are 50.0%.",),
        ),
        (
            lambda frame: frame.assign(change_1h_pct=frame["change_1h_pct"].mask(at(frame, day(3), 1), -60.0)),
            ("5.0% of the prices moved more than 50 % within an hour; allowed are 2.0%.",),
        ),
        (
            lambda frame: frame.assign(change_1h_pct=frame["change_1h_pct"].mask(at(frame, day(3), 9), 0.0)),
            ("55.0% of the usual instruments are left without 9 of low quality; asked are 60.0%.",),
        ),
    ],
    ids=["universe", "thin hours", "impossible moves", "frozen prices"],
)
def test_each_limit_makes_a_day_bad_with_its_reason(spoil, reasons):
    assert train(spoil(MARKET)).left_out.days == {"2026-03-17": reasons}


def test_what_a_closed_market_can_not_know_is_no_low_quality():
    """Open on weekdays from 9 to 14 h: no change over 24 h on Mondays, none over an hour at the opening."""
    hour, weekday = MARKET["hour"].dt.hour, MARKET["hour"].dt.day_of_week
    frame = MARKET[hour.between(9, 14) & (weekday < 5)].copy()
    frame["change_24h_pct"] = 1.0
    frame.loc[frame["hour"].dt.day_of_week == 0, "change_24h_pct"] = np.nan
    frame.loc[frame["hour"].dt.hour == 9, "change_1h_pct"] = np.nan
    assert not train(frame).left_out


def test_what_a_young_market_can_not_know_yet_is_no_low_quality():
    frame = MARKET.assign(change_7d_pct=1.0)
    frame.loc[frame["hour"] < day(4), "change_7d_pct"] = np.nan
    assert not train(frame[frame["hour"] >= day(7)]).left_out


def test_a_feature_that_the_market_is_known_not_to_have_does_not_count():
    known = Settings(ingest={"checks": {"unknown_features": [VOLUME]}})
    window = windows_of(DAY, known.datasets).training
    assert not choose_training(lost(day(3)), window, known, LATER).left_out


def test_a_holdout_of_a_bad_day_is_refused_and_no_other_day_replaces_it():
    with pytest.raises(LowQuality, match="Without them 0 hours are left, and min_holdout_hours"):
        hold_out(lost(DAY))
    assert not hold_out(MARKET).left_out
    frame = lost(DAY, instruments=2)
    assert set(hold_out(frame).left_out.instruments) == {"coin00", "coin01"}
    assert hold_out(frame).features["instrument_id"].nunique() == INSTRUMENTS - 2


def test_what_a_lineage_names_is_taken_away_and_nothing_else():
    choice = train(lost(day(2), instruments=2, frame=lost(day(3))))
    facts = recorded(choice.left_out, configured().datasets)[LEFT_OUT]
    inside = MARKET["hour"].between(choice.window.first, choice.window.end - HOUR)
    kept = without_left_out(MARKET[inside], facts)
    pd.testing.assert_frame_equal(kept[["hour", "instrument_id"]], choice.features[["hour", "instrument_id"]])
    assert len(MARKET[inside]) - len(kept) == facts["rows"]
    assert without_left_out(MARKET, None) is MARKET


_SPOILT = st.sets(st.integers(1, 14), max_size=9)


@settings(max_examples=30, deadline=None)
@given(nulls=_SPOILT, thin=_SPOILT, policy=st.sampled_from(["exclude", "wait", "refuse"]), late=st.booleans())
def test_no_training_on_bad_days_ever(nulls, thin, policy, late):
    frame = lost(*(day(before) for before in nulls))
    for before in thin:
        frame = frame[~at(frame, day(before), 10)]
    bad = {day(before) for before in nulls | thin}
    week = {day(before) for before in range(1, 8)}
    now = LATER if late else DAY + 25 * HOUR
    try:
        choice = train(frame, policy, now)
    except LowQuality:
        assert bad & week  # good weeks are never refused
        return
    assert not days_in(choice) & bad
    if bad & week:
        assert policy == "exclude" or (policy == "wait" and late)
        assert len(days_in(choice)) >= 7
        assert {each.day_of_week for each in days_in(choice)} == set(range(7)) or choice.window.first == day(14)
    assert {as_hour(each) for each in choice.left_out.days} == {each for each in bad if each >= choice.window.first}
