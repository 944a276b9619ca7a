"""Planted anomalies: of the kind they claim, in their place, and true to the clock in all that follows from a price."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import InjectionSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets.windows import Window
from mlreg_dagster.market.schema import CHANGES, MARKET_SNAPSHOT
from mlreg_dagster.market.sources.panel import Panel, running_high, snapshot_rows
from mlreg_dagster.models.evaluation.injection import Injection, plant_rounds
from mlreg_dagster_tests.market.frames import at, hours_at, random_market, snapshot_of

KINDS = ["shock", "swap", "frozen_price", "volume_burst"]
WINDOW = Window(at(216), at(240))
LONG_WINDOW = Window(at(180), at(240))  # longer than a change of 24 h looks back
SETTINGS = InjectionSettings(rounds=1, instrument_share=0.3)
TRADING_SLOTS = (2, 3, 4, 6, 7)
EDITED = ["price", "market_cap", "volume_24h", "all_time_high", "volatility_7d_pct", *CHANGES]

markets = st.builds(
    random_market,
    seed=st.integers(0, 10_000),
    instruments=st.integers(1, 8),
    seen=st.sampled_from([0.5, 0.9, 1.0]),
    slots=st.sampled_from([range(24), TRADING_SLOTS]),
    caps=st.booleans(),
)
seeds = st.integers(0, 10_000)


def plant(market: pd.DataFrame, settings: InjectionSettings = SETTINGS, window: Window = WINDOW) -> list[Injection]:
    return list(plant_rounds(market, window, settings, settings.seed))


def by_kind(market: pd.DataFrame, kind: str, settings: InjectionSettings = SETTINGS) -> list[Injection]:
    return [injection for injection in plant(market, settings) if injection.kind == kind]


def before_and_after(market: pd.DataFrame, injection: Injection) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Original and edited rows in the same order, the edited ones with their marks."""
    original = market.sort_values(["instrument_id", "hour"], ignore_index=True)
    return original, injection.snapshots.assign(planted=injection.planted, touched=injection.touched)


def recomputed(snapshots: pd.DataFrame) -> pd.DataFrame:
    """What a source would say of the prices in `snapshots`."""
    wide = snapshots.pivot(index="hour", columns="instrument_id", values="price")
    wide = wide.reindex(pd.date_range(wide.index[0], wide.index[-1], freq="h", unit="us"))
    price = wide.to_numpy()
    unknown = np.full(price.shape, np.nan)
    symbols = np.array(["C"] * price.shape[1], dtype=object)
    high = running_high(price, unknown[0])
    panel = Panel(wide.index, list(wide.columns), symbols, price, unknown, unknown, high)
    rows = snapshot_rows(panel, wide.index, "test")
    return snapshots[["instrument_id", "hour"]].merge(rows, on=["instrument_id", "hour"], validate="one_to_one")


@given(markets, seeds)
def test_the_same_seed_plants_the_same_events(market, seed):
    settings = SETTINGS.override({"seed": seed})
    first, second = plant(market, settings), plant(market.sample(frac=1, random_state=1), settings)
    assert [injection.kind for injection in first] == [injection.kind for injection in second]
    for one, other in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(one.snapshots, other.snapshots, check_exact=True)
        np.testing.assert_array_equal(one.planted, other.planted)
        np.testing.assert_array_equal(one.touched, other.touched)


def test_another_seed_and_another_round_plant_elsewhere():
    market = random_market(1, seen=1.0)
    places = {
        (injection.kind, injection.planted.tobytes())
        for seed in range(3)
        for injection in plant(market, SETTINGS.override({"seed": seed, "rounds": 3}))
    }
    assert len(places) > 0.8 * 3 * 3 * len(KINDS)


@given(markets, seeds)
def test_events_show_within_the_holdout_and_spare_what_they_do_not_touch(market, seed):
    copy = market.copy()
    for injection in plant(market, SETTINGS.override({"seed": seed})):
        original, edited = before_and_after(market, injection)
        pd.testing.assert_frame_equal(original[["instrument_id", "hour"]], edited[["instrument_id", "hour"]])
        assert edited["planted"].any()
        assert edited.loc[edited["planted"], "touched"].all()
        assert edited.loc[edited["touched"], "hour"].between(WINDOW.first, WINDOW.end, inclusive="left").all()
        spared = ~injection.touched
        pd.testing.assert_frame_equal(original[spared], injection.snapshots[spared], check_exact=True)
    pd.testing.assert_frame_equal(market, copy, check_exact=True)


@given(markets, seeds, st.sampled_from([WINDOW, LONG_WINDOW]))
def test_changes_and_volatility_follow_from_the_edited_prices_by_the_clock(market, seed, window):
    for injection in plant(market, SETTINGS.override({"seed": seed}), window):
        expected = recomputed(injection.snapshots)
        for name in CHANGES:
            np.testing.assert_allclose(injection.snapshots[name], expected[name], rtol=1e-9, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(
            injection.snapshots["volatility_7d_pct"], expected["volatility_7d_pct"], rtol=1e-6, atol=1e-6
        )
        if injection.kind != "swap":  # there the high comes from the other one
            np.testing.assert_allclose(injection.snapshots["all_time_high"], expected["all_time_high"])


@given(markets, seeds)
def test_edited_rows_are_still_snapshots_and_what_was_unknown_still_is(market, seed):
    for injection in plant(market, SETTINGS.override({"seed": seed})):
        original, edited = before_and_after(market, injection)
        MARKET_SNAPSHOT.validate(injection.snapshots)
        columns = ["price", "volatility_7d_pct", *CHANGES] if injection.kind == "swap" else EDITED
        pd.testing.assert_frame_equal(original[columns].isna(), edited[columns].isna())


@pytest.mark.parametrize("unknown", ["market_cap", "all_time_high", "volatility_7d_pct", *CHANGES])
def test_what_the_source_never_knows_stays_unknown(unknown):
    market = random_market(2).assign(**{unknown: np.nan})
    injections = plant(market)
    assert {injection.kind for injection in injections} == set(KINDS)
    assert all(injection.snapshots[unknown].isna().all() for injection in injections)


def test_a_change_that_the_source_knows_across_a_gap_carries_the_factor():
    """A live source reports changes even where nobody looked the hour before."""
    rows = snapshot_of({"at": hour, "change_1h_pct": 1.0} for hour in range(200, 240) if hour % 2)
    for injection in by_kind(rows, "shock", InjectionSettings(rounds=20)):
        touched = injection.snapshots[injection.touched]
        assert touched["change_1h_pct"].iloc[0] == pytest.approx(1.01 * touched["price"].iloc[0] * 100 - 100)
        np.testing.assert_allclose(touched["change_1h_pct"].iloc[1:], 1.0)  # the price stays where it jumped to


@pytest.mark.parametrize("frozen_hours", [2, 6, 12])
def test_every_kind_can_be_planted_where_markets_close(frozen_hours):
    market = random_market(3, seen=1.0, slots=TRADING_SLOTS, instruments=20)
    settings = InjectionSettings(rounds=3, frozen_hours=frozen_hours)
    assert [injection.kind for injection in plant(market, settings)] == [kind for kind in KINDS for _ in range(3)]


@pytest.mark.parametrize(("instruments", "kinds"), [(1, ["shock", "frozen_price", "volume_burst"]), (2, KINDS)])
def test_tiny_universes(instruments, kinds):
    market = snapshot_of(
        {"at": hour, "instrument_id": f"coin{n}"} for hour in range(200, 240) for n in range(instruments)
    )
    assert list(dict.fromkeys(injection.kind for injection in plant(market))) == kinds


@pytest.mark.parametrize(
    "rows",
    [[], [{"at": hour} for hour in range(100, 216)], [{"at": 230}], [{"at": hour} for hour in range(240, 250)]],
    ids=["no rows", "no holdout", "one row", "only later"],
)
def test_where_nothing_can_be_planted_nothing_is(rows):
    assert plant(snapshot_of(rows)) == []


def test_a_holdout_shorter_than_the_freeze_has_none():
    market = random_market(4, seen=1.0)
    kinds = {injection.kind for injection in plant(market, SETTINGS, Window(at(216), at(221)))}
    assert kinds == set(KINDS) - {"frozen_price"}


@given(markets, seeds)
def test_a_shocked_price_jumps_and_stays(market, seed):
    for injection in by_kind(market, "shock", SETTINGS.override({"seed": seed})):
        original, edited = before_and_after(market, injection)
        for _, rows in edited[edited["touched"]].groupby("instrument_id"):
            factor = rows["price"] / original.loc[rows.index, "price"]
            assert rows["planted"].tolist() == [True] + [False] * (len(rows) - 1)
            assert factor.iloc[0] in (pytest.approx(0.85), pytest.approx(1.15))
            np.testing.assert_allclose(factor, factor.iloc[0])
            np.testing.assert_allclose(rows["market_cap"], original.loc[rows.index, "market_cap"] * factor)
            pd.testing.assert_series_equal(rows["volume_24h"], original.loc[rows.index, "volume_24h"])


@given(markets, seeds, st.integers(2, 10))
def test_a_frozen_price_stands_still_for_hours_of_the_clock(market, seed, frozen_hours):
    for injection in by_kind(market, "frozen_price", SETTINGS.override({"seed": seed, "frozen_hours": frozen_hours})):
        original, edited = before_and_after(market, injection)
        for name, rows in edited[edited["touched"]].groupby("instrument_id"):
            onset = rows["hour"].iloc[0]
            still = rows[rows["hour"] < onset + frozen_hours * HOUR]
            assert len(still) > 1
            assert onset + frozen_hours * HOUR <= WINDOW.end
            own = original[original["instrument_id"] == name]
            assert set(still["price"]) == {own.loc[own["hour"] < onset, "price"].iloc[-1]}
            assert rows["planted"].tolist() == (rows.index == still.index[-1]).tolist()
            after = rows.index.difference(still.index)
            pd.testing.assert_series_equal(edited.loc[after, "price"], original.loc[after, "price"])
            known = still["change_1h_pct"].iloc[1:].dropna()
            np.testing.assert_allclose(known, 0, atol=1e-9)


@given(markets, seeds)
def test_swapped_instruments_show_each_others_data(market, seed):
    for injection in by_kind(market, "swap", SETTINGS.override({"seed": seed})):
        original, edited = before_and_after(market, injection)
        marks = edited.loc[edited["planted"], ["hour", "instrument_id"]]
        assert not marks["instrument_id"].duplicated().any()
        shown = edited.set_index(["hour", "instrument_id"])
        truth = original.set_index(["hour", "instrument_id"])
        for onset, pair in marks.groupby("hour")["instrument_id"]:
            others = {name: _other(name, onset, pair, shown, truth) for name in pair}
            for name, other in others.items():
                for hour in shown.xs(name, level="instrument_id").index:
                    if hour < onset or (hour, other) not in truth.index:
                        continue
                    for column in ("price", "market_cap", "volume_24h", "all_time_high"):
                        found, expected = shown.loc[(hour, name), column], truth.loc[(hour, other), column]
                        assert found == expected or (pd.isna(found) and pd.isna(expected))


def _other(name, onset, names, shown, truth) -> str:
    """Whose price an instrument shows since the swap."""
    price = shown.loc[(onset, name), "price"]
    return next(other for other in names if other != name and truth.loc[(onset, other), "price"] == price)


@given(markets, seeds)
def test_a_volume_burst_moves_volume_alone(market, seed):
    for injection in by_kind(market, "volume_burst", SETTINGS.override({"seed": seed})):
        original, edited = before_and_after(market, injection)
        others = [name for name in EDITED if name != "volume_24h"]
        pd.testing.assert_frame_equal(edited[others], original[others], check_exact=True)
        touched = injection.touched
        np.testing.assert_allclose(edited.loc[touched, "volume_24h"], 10 * original.loc[touched, "volume_24h"])
        assert (original.loc[injection.planted, "volume_24h"] > 0).all()


@pytest.mark.parametrize("volume", [np.nan, 0.0])
def test_no_burst_is_planted_where_no_volume_is_known(volume):
    kinds = {injection.kind for injection in plant(random_market(5).assign(volume_24h=volume))}
    assert kinds == set(KINDS) - {"volume_burst"}


@pytest.mark.parametrize(("share", "events"), [(0.01, 1), (0.2, 4), (0.5, 10)])
def test_the_asked_share_of_instruments_gets_an_event(share, events):
    rows = [{"at": hour, "instrument_id": f"coin{n}", "price": n + 1.0} for hour in range(200, 240) for n in range(20)]
    market = snapshot_of(rows)
    for injection in plant(market, InjectionSettings(rounds=1, instrument_share=share)):
        assert injection.planted.sum() == events * (2 if injection.kind == "swap" else 1)


def test_nothing_before_the_holdout_changes():
    market = random_market(6)
    for injection in plant(market):
        original, edited = before_and_after(market, injection)
        early = (edited["hour"] < WINDOW.first).to_numpy()
        pd.testing.assert_frame_equal(original[early], injection.snapshots[early], check_exact=True)
    assert hours_at(216, 239).equals(WINDOW.hours)
