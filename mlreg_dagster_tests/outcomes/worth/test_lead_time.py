"""How early crash episodes were flagged."""

from statistics import median

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import OutcomeSettings
from mlreg_dagster.outcomes.worth.lead_time import lead_time_of
from mlreg_dagster_tests.outcomes.frames import at, outcomes_of

SETTINGS = OutcomeSettings()


def crash(hour, lead=5, *, flagged=False, fall=-1.0, coin="coin", **values):
    """A prediction of an hour that a crash followed, crossed `lead` hours later."""
    crossed = None if lead is None else at(hour + lead)
    row = {"at": hour + 24, "outcome": "crash", "is_anomaly": flagged, "crossed_at": crossed, "fall_6h_pct": fall}
    return row | {"instrument_id": coin} | values


def lead_time(*rows, version="v1"):
    return lead_time_of(outcomes_of(rows), version, SETTINGS)


def test_the_first_flag_of_an_episode_counts_by_the_hours_to_its_crossing():
    found = lead_time(
        crash(0, 9),
        crash(2, 7, flagged=True),
        crash(3, 1, flagged=True, fall=-9.0),
        crash(30, 4, flagged=True, fall=-6.0),  # 27 h later: another episode
        crash(0, 3, coin="other"),
    )
    assert (found.episodes, found.caught, found.timed) == (3, 2, 2)
    assert (found.lower_quartile_hours, found.median_hours, found.upper_quartile_hours) == (4.75, 5.5, 6.25)
    assert (found.before_fall, found.with_known_fall, found.before_fall_share) == (1, 2, 0.5)
    assert found.median_low is found.before_fall_low is None  # two days are no spread


@pytest.mark.parametrize(("gap", "episodes"), [(23, 1), (24, 2)])
def test_crashes_with_less_than_a_day_between_them_are_one_episode(gap, episodes):
    assert lead_time(crash(0), crash(gap)).episodes == episodes


@pytest.mark.parametrize(("fall", "before"), [(-4.999, 1), (-5.0, 0), (0.0, 1)])
def test_a_price_that_stands_5_percent_below_its_high_had_fallen(fall, before):
    assert lead_time(crash(0, flagged=True, fall=fall)).before_fall == before


def test_what_is_not_known_is_counted_and_in_no_number():
    earlier_release = crash(0, None, flagged=True, fall=None)
    found = lead_time(earlier_release, crash(100, 3, flagged=True, fall=None), crash(200, flagged=True))
    assert (found.caught, found.timed, found.with_known_fall) == (3, 2, 1)
    assert (found.median_hours, found.before_fall_share) == (4.0, 1.0)


def test_in_sample_hours_flags_before_no_crash_and_other_versions_count_for_nothing():
    rows = [
        crash(0, flagged=True, in_sample=True),
        crash(50, flagged=True, model_version="v2"),
        {"at": 150, "is_anomaly": True},
        {"at": 250, "is_anomaly": True, "outcome": "unresolved"},
    ]
    found = lead_time(*rows)
    assert (found.episodes, found.caught, found.median_hours, found.before_fall_share) == (0, 0, None, None)


def some_episodes(seed, count=60):
    random = np.random.default_rng(seed)
    leads, falls = random.integers(1, 25, count), random.choice([-8.0, -1.0], count)
    return [
        crash(50 * number, int(lead), flagged=True, fall=float(fall))
        for number, (lead, fall) in enumerate(zip(leads, falls, strict=True))
    ]


@given(st.integers(0, 10**6))
def test_intervals_hold_what_they_are_of_and_do_not_depend_on_the_order_of_rows(seed):
    rows = some_episodes(seed)
    found = lead_time(*rows)
    assert found.median_hours == median(
        (row["crossed_at"] - at(row["at"] - 24)) / pd.Timedelta(hours=1) for row in rows
    )
    assert found.median_low <= found.median_hours <= found.median_high
    assert 0 <= found.before_fall_low <= found.before_fall_share <= found.before_fall_high <= 1
    assert lead_time(*np.random.default_rng(seed).permutation(rows)) == found


def test_the_interval_of_the_median_holds_the_true_one_about_as_often_as_it_says():
    held = sum(
        found.median_low <= 12.5 <= found.median_high for found in (lead_time(*some_episodes(n)) for n in range(100))
    )
    assert held >= 88
