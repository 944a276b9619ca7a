"""The simulated market does what its recorded truth says, and only that."""

import subprocess
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config import SimulatedSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.base import HourNotAvailable
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket
from mlreg_dagster_tests.market.sources import source_fixtures
from mlreg_dagster_tests.market.sources.source_fixtures import OPENING

LATER = pd.Timestamp("2030-01-01", tz="UTC")
QUIET = {"crashes": 0, "pumps": 0, "volume_shocks": 0, "gaps": 0, "delistings": 0}
CALM = {**QUIET, "clustering": {"enabled": False}}


def simulate(days: int, universe: int, **settings: Any) -> tuple[SimulatedMarket, pd.DataFrame]:
    source = SimulatedMarket(SimulatedSettings(opens=OPENING, **settings), universe)
    return source, source.snapshots(source_fixtures.hours(OPENING, 24 * days), LATER)


def events(source: SimulatedMarket, kind: str, days: int, first_day: int = 2) -> pd.DataFrame:
    """Those that begin after `first_day` and end, with a day to spare, before the last of `days`."""
    start, stop = OPENING + pd.Timedelta(days=first_day), OPENING + pd.Timedelta(days=days - 7)
    planted = source.planted_events(start, stop)
    return planted[planted["kind"] == kind].reset_index(drop=True)


def at(rows: pd.DataFrame, hours: pd.Series, events: pd.DataFrame, column: str = "price") -> np.ndarray:
    table = rows.pivot(index="hour", columns="instrument_id", values=column)
    return np.array([table.at[hour, name] for hour, name in zip(hours, events["instrument_id"], strict=True)])


def test_planted_crashes_are_falls_of_15_percent_and_more_that_stay_low() -> None:
    source, rows = simulate(60, 60, **{**QUIET, "crashes": 3})
    crashes = events(source, "crash", 60)
    assert len(crashes) > 100
    before = at(rows, crashes["start"] - HOUR, crashes)
    for after in (crashes["end"], crashes["start"] + 23 * HOUR):
        fall = at(rows, after, crashes) / before - 1
        assert (fall <= -0.15).all()
        np.testing.assert_allclose(fall * 100, crashes["magnitude"], atol=9)
    assert crashes["magnitude"].between(-50, -20).all()
    assert ((crashes["end"] - crashes["start"]) / HOUR + 1).between(2, 8).all()


def test_most_crashes_follow_a_run_up_with_swelling_volume() -> None:
    source, rows = simulate(60, 60, **{**QUIET, "crashes": 3})
    crashes = events(source, "crash", 60)
    assert 0.5 < crashes["preceded_by_run_up"].mean() < 0.7
    rise = at(rows, crashes["start"] - HOUR, crashes, "change_24h_pct")
    pumped = crashes["preceded_by_run_up"].to_numpy()
    assert np.median(rise[pumped]) > 15 > 5 > np.median(rise[~pumped])
    volume = at(rows, crashes["start"] - HOUR, crashes, "volume_24h")
    swelling = volume / at(rows, crashes["start"] - 25 * HOUR, crashes, "volume_24h")
    assert np.median(swelling[pumped]) > 2 > 1.3 > np.median(swelling[~pumped])


def test_pumps_rise_and_drift_back_too_slowly_to_be_crashes() -> None:
    source, rows = simulate(60, 60, **{**CALM, "pumps": 3})
    pumps = events(source, "pump", 60)
    assert len(pumps) > 50
    rise = at(rows, pumps["end"], pumps) / at(rows, pumps["start"] - HOUR, pumps) - 1
    np.testing.assert_allclose(rise * 100, pumps["magnitude"], atol=9)
    kept = at(rows, pumps["end"] + 100 * HOUR, pumps) / at(rows, pumps["start"] - HOUR, pumps) - 1
    assert 0.3 < np.median(kept / rise) < 0.8
    assert rows["change_24h_pct"].min() > -15


def test_volume_shocks_move_the_volume_and_not_the_price() -> None:
    source, rows = simulate(60, 60, **{**CALM, "volume_shocks": 3})
    shocks = events(source, "volume_shock", 60)
    grown = at(rows, shocks["end"], shocks, "volume_24h") / at(rows, shocks["start"] - HOUR, shocks, "volume_24h")
    assert np.median(grown) > 2
    assert rows["change_24h_pct"].abs().max() < 15


def test_gaps_and_delistings_leave_no_rows() -> None:
    source, rows = simulate(60, 40, **{**QUIET, "gaps": 5, "delistings": 0.3})
    seen = set(zip(rows["instrument_id"], rows["hour"], strict=True))
    planted = source.planted_events(OPENING, OPENING + pd.Timedelta(days=60) - HOUR)
    assert set(planted["kind"]) == {"gap", "delisting"}
    last = OPENING + pd.Timedelta(days=60) - HOUR
    hidden = {
        (event.instrument_id, hour)
        for event in planted.itertuples()
        for hour in pd.date_range(event.start, last if pd.isna(event.end) else min(event.end, last), freq="h")
    }
    every = {(f"sim-{number:03d}", hour) for number in range(40) for hour in source_fixtures.hours(OPENING, 24 * 60)}
    assert seen == every - hidden


def test_noise_alone_practically_never_makes_a_crash_in_a_calm_market() -> None:
    _, rows = simulate(120, 100, **CALM)
    assert rows["change_24h_pct"].min() > -13
    assert rows["change_1h_pct"].std() == pytest.approx(0.8, rel=0.1)


def test_the_rates_are_events_per_instrument_and_30_days() -> None:
    source = SimulatedMarket(SimulatedSettings(opens=OPENING), 300)
    counts = source.planted_events(OPENING, OPENING + pd.Timedelta(days=120))["kind"].value_counts()
    expected = pd.Series({"crash": 600, "pump": 600, "volume_shock": 600, "gap": 360, "delisting": 12})
    assert ((counts / expected).between(0.7, 1.1) | (counts < 20)).all()
    quiet = SimulatedMarket(SimulatedSettings(opens=OPENING, **QUIET), 30)
    assert quiet.planted_events(OPENING, OPENING + pd.Timedelta(days=60)).empty


def test_the_truth_of_a_time_does_not_depend_on_what_else_is_asked() -> None:
    first, last = OPENING + pd.Timedelta(days=5), OPENING + pd.Timedelta(days=9)
    asked_early = SimulatedMarket(SimulatedSettings(opens=OPENING), 200).planted_events(first, last)
    source = SimulatedMarket(SimulatedSettings(opens=OPENING), 200)
    whole = source.planted_events(OPENING, OPENING + pd.Timedelta(days=90))
    inside = whole[whole["start"].between(first, last)].reset_index(drop=True)
    pd.testing.assert_frame_equal(asked_early, inside)
    pd.testing.assert_frame_equal(source.planted_events(first, last), inside)


def test_an_instrument_keeps_its_path_when_the_universe_grows() -> None:
    small_source, small = simulate(20, 7, crashes=3, gaps=3, delistings=0.5)
    large_source, large = simulate(20, 61, crashes=3, gaps=3, delistings=0.5)
    names = small["instrument_id"].unique()
    kept = large[large["instrument_id"].isin(names)].reset_index(drop=True)
    pd.testing.assert_frame_equal(small, kept, check_exact=True)
    until = OPENING + pd.Timedelta(days=20)
    truth = large_source.planted_events(OPENING, until)
    truth = truth[truth["instrument_id"].isin(names)].reset_index(drop=True)
    pd.testing.assert_frame_equal(small_source.planted_events(OPENING, until), truth)


def test_another_process_sees_the_same_market() -> None:
    script = f"""
import pandas as pd
from mlreg_dagster.config import SimulatedSettings
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket
source = SimulatedMarket(SimulatedSettings(opens="{OPENING.isoformat()}"), 20)
hours = pd.date_range("2026-04-03T07:00", periods=5, freq="h", tz="UTC")
print(pd.util.hash_pandas_object(source.snapshots(hours, pd.Timestamp("2030-01-01", tz="UTC"))).sum())
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    source = SimulatedMarket(SimulatedSettings(opens=OPENING), 20)
    source.snapshots(source_fixtures.hours(OPENING, 5), LATER)
    rows = source.snapshots(source_fixtures.hours("2026-04-03T07:00", 5), LATER)
    assert run.stdout.strip() == str(pd.util.hash_pandas_object(rows).sum())


def test_the_seed_makes_the_market() -> None:
    _, one = simulate(2, 5, seed=1)
    _, other = simulate(2, 5, seed=2)
    assert not set(one["price"]) & set(other["price"])


def test_nothing_is_known_of_the_time_before_the_opening() -> None:
    source, rows = simulate(9, 5, **QUIET)
    assert MARKET_SNAPSHOT.validate(rows).groupby("hour").size().eq(5).all()
    since = (rows["hour"] - OPENING) / HOUR
    for column, wait in (("change_1h_pct", 1), ("change_24h_pct", 24), ("change_7d_pct", 168)):
        assert (rows[column].notna() == (since >= wait)).all()
    with pytest.raises(HourNotAvailable, match="available are 2026-03-01 00:00 UTC"):
        source.snapshots(source_fixtures.hours(OPENING - HOUR, 2), LATER)


def test_a_market_may_open_at_any_hour() -> None:
    opens = OPENING + 13 * HOUR
    source = SimulatedMarket(SimulatedSettings(opens=opens, **QUIET), 3)
    rows = source.snapshots(source_fixtures.hours(opens, 3), LATER)
    assert rows["change_1h_pct"].isna().tolist() == [True] * 3 + [False] * 6
    assert rows["all_time_high"].head(3).tolist() == rows["price"].head(3).tolist()


def test_one_hour_a_year_after_the_opening_comes_quickly() -> None:
    start = time.process_time()
    source = SimulatedMarket(SimulatedSettings(opens=OPENING), 250)
    assert len(source.snapshots(source_fixtures.hours("2027-03-01", 1), LATER)) > 200
    assert time.process_time() - start < 4  # about 0.5 s on a machine that has nothing else to do
