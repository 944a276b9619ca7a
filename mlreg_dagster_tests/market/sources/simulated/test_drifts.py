"""A planted drift does what it says from first hour to last, to the instruments it says, and to nothing else."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config import ConfigError, FeatureSettings, IngestSettings, SimulatedSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.market.sources.simulated.source import SimulatedMarket
from mlreg_dagster_tests.market.sources import source_fixtures
from mlreg_dagster_tests.market.sources.source_fixtures import OPENING

LATER = pd.Timestamp("2030-01-01", tz="UTC")
QUIET = {"crashes": 0, "pumps": 0, "volume_shocks": 0, "gaps": 0, "delistings": 0}
CALM = {**QUIET, "clustering": {"enabled": False}}
START = OPENING + pd.Timedelta(days=10, hours=6)
DAYS, UNIVERSE = 20, 100


def market(*drifts: dict, universe: int = UNIVERSE, **settings: object) -> SimulatedMarket:
    planted = [{"starts": START, **drift} for drift in drifts]
    return SimulatedMarket(SimulatedSettings(opens=OPENING, drifts=planted, **{**CALM, **settings}), universe)


def rows(source: SimulatedMarket, days: int = DAYS) -> pd.DataFrame:
    return source.snapshots(source_fixtures.hours(OPENING, 24 * days), LATER)


def table(source: SimulatedMarket, column: str, days: int = DAYS) -> pd.DataFrame:
    return rows(source, days).pivot(index="hour", columns="instrument_id", values=column)


def spread(moves: pd.DataFrame, first: pd.Timestamp, hours: int) -> float:
    """Standard deviation of the hourly moves, without those that bridge two hours of different volatility."""
    within = moves.loc[first + HOUR : first + (hours - 1) * HOUR]
    return float(within.stack().std())


def hit(source: SimulatedMarket) -> list[str]:
    return source.planted_drifts(OPENING, LATER)["instrument_ids"].iloc[0]


def same_before(source: SimulatedMarket, days: int = DAYS) -> None:
    drifted, plain = rows(source, days), rows(market(), days)
    before = drifted["hour"] < START
    pd.testing.assert_frame_equal(drifted[before], plain[plain["hour"] < START], check_exact=True)


def test_volatility_jumps_by_its_factor_and_comes_back():
    source = market({"kind": "volatility", "factor": 2.5, "days": 4})
    moves, plain = table(source, "change_1h_pct"), table(market(), "change_1h_pct")
    usual = spread(plain, START, 96)
    assert spread(moves, START, 96) / usual == pytest.approx(2.5, rel=0.03)
    after = START + 97 * HOUR
    pd.testing.assert_frame_equal(moves.loc[after:], plain.loc[after:])
    same_before(source)


def test_a_share_of_the_instruments_moves_more_and_the_others_as_before():
    source = market({"kind": "volatility", "factor": 3.0, "share": 0.2})
    moves, plain = table(source, "change_1h_pct"), table(market(), "change_1h_pct")
    ids = hit(source)
    assert 18 <= len(ids) <= 22
    pd.testing.assert_frame_equal(moves.drop(columns=ids), plain.drop(columns=ids))
    ratio = spread(moves[ids], START, 200) / spread(plain[ids], START, 200)
    assert ratio == pytest.approx(3.0, rel=0.03)


def test_a_gradual_drift_grows_evenly_on_a_logarithmic_scale_and_stays():
    source = market({"kind": "volatility", "factor": 4.0, "days": 6, "shape": "gradual"})
    moves, plain = table(source, "change_1h_pct"), table(market(), "change_1h_pct")

    def grown(day: float) -> float:
        first = START + day * 24 * HOUR - 6 * HOUR
        return spread(moves, first, 13) / spread(plain, first, 13)

    assert [grown(day) for day in (1.5, 3, 4.5)] == pytest.approx([4**0.25, 2, 4**0.75], rel=0.1)
    assert grown(8) == pytest.approx(4, rel=0.1)


def test_a_recurring_drift_comes_and_goes():
    source = market({"kind": "volume", "factor": 2.0, "days": 1, "every_days": 3, "shape": "recurring"})
    volume = table(source, "volume_24h") / table(market(), "volume_24h")
    at = [round(float(volume.loc[START + hours * HOUR].median()), 1) for hours in (-1, 23, 48, 71, 95, 120)]
    assert at == [1.0, 2.0, 1.0, 1.0, 2.0, 1.0]
    planted = source.planted_drifts(OPENING, START + 80 * HOUR)
    assert planted["start"].tolist() == [START, START + 72 * HOUR]
    assert planted["end"].tolist() == [START + 23 * HOUR, START + 95 * HOUR]


def test_volume_alone():
    source = market({"kind": "volume", "factor": 2.0})
    drifted, plain = rows(source), rows(market())
    full = drifted["hour"] >= START + 23 * HOUR
    np.testing.assert_allclose(drifted["volume_24h"][full], 2 * plain["volume_24h"][full])
    rest = drifted.columns.drop("volume_24h")
    pd.testing.assert_frame_equal(drifted[rest], plain[rest])


def test_one_feature_moves_one_feature():
    source = market({"kind": "one_feature", "factor": 1.3, "share": 0.5, "days": 2})
    settings, hours = FeatureSettings(), source_fixtures.hours(START, 48)
    drifted, plain = (compute_features(rows(each), hours, settings, 168) for each in (source, market()))
    differs = {name for name in drifted.columns if not drifted[name].equals(plain[name])}
    assert differs == {"ath_change_pct"}
    changed = (drifted["ath_change_pct"] != plain["ath_change_pct"]).mean()
    assert changed == pytest.approx(0.5, abs=0.03)
    assert (drifted["ath_change_pct"] <= 0).all()


def test_a_spike_of_hours():
    source = market({"kind": "spike", "factor": 3.0, "hours": 12})
    moves, plain = table(source, "change_1h_pct"), table(market(), "change_1h_pct")
    assert spread(moves, START, 12) / spread(plain, START, 12) == pytest.approx(3, rel=0.05)
    assert source.planted_drifts(OPENING, LATER)["end"].tolist() == [START + 11 * HOUR]


def test_nulls_make_volume_and_market_cap_unknown():
    source = market({"kind": "nulls", "share": 0.1, "days": 2})
    drifted, plain = rows(source), rows(market())
    there = drifted["instrument_id"].isin(hit(source)) & drifted["hour"].between(START, START + 47 * HOUR)
    assert there.sum() == pytest.approx(0.1 * UNIVERSE * 48, abs=48 * 2)
    for name in ("volume_24h", "market_cap"):
        assert (drifted[name].isna() == there).all()
    rest = drifted.columns.drop(["volume_24h", "market_cap"])
    pd.testing.assert_frame_equal(drifted[rest], plain[rest])


def test_frozen_prices_stand_still_and_jump_back():
    source = market({"kind": "frozen_prices", "share": 0.3, "days": 2})
    prices, plain = table(source, "price"), table(market(), "price")
    ids, last = hit(source), START + 47 * HOUR
    assert len(ids) == pytest.approx(30, abs=2)
    frozen = prices.loc[START - HOUR : last, ids]
    assert (frozen.nunique() == 1).all()
    after = prices.index > last
    pd.testing.assert_frame_equal(prices[after], plain[after])
    pd.testing.assert_frame_equal(prices.drop(columns=ids), plain.drop(columns=ids))
    same_before(source)


def test_a_frozen_price_is_no_price_while_the_instrument_is_hidden():
    source = market({"kind": "frozen_prices", "share": 1.0, "days": 5}, gaps=10.0)
    plain = market(gaps=10.0)
    assert table(source, "price").isna().equals(table(plain, "price").isna())


def test_correlation_rises_and_the_volatility_stays():
    source = market({"kind": "correlation", "share": 0.9})

    def together(prices: pd.DataFrame) -> float:
        daily = np.log(prices).diff(6).iloc[6::6]
        correlation = np.corrcoef(daily.to_numpy().T)
        return float(correlation[np.triu_indices(len(correlation), 1)].mean())

    late = START + 24 * HOUR
    prices, plain = table(source, "price", 60), table(market(), "price", 60)
    assert together(prices.loc[late:]) > 2 * together(plain.loc[late:])
    moves = [float(np.log(each.loc[late:]).diff(24).stack().std()) for each in (prices, plain)]
    assert moves[0] / moves[1] == pytest.approx(1, rel=0.2)


EVERYTHING = (
    {"kind": "volatility", "factor": 2.0, "days": 3, "shape": "gradual", "share": 0.4},
    {"kind": "volume", "factor": 0.5, "days": 1, "every_days": 2, "shape": "recurring"},
    {"kind": "spike", "factor": 3.0, "hours": 7, "starts": START + 30 * HOUR},
    {"kind": "one_feature", "factor": 1.2},
    {"kind": "nulls", "share": 0.1, "hours": 30},
    {"kind": "frozen_prices", "share": 0.5, "hours": 9, "every_days": 1, "shape": "recurring"},
    {"kind": "frozen_prices", "share": 0.5, "days": 3, "starts": START + 4 * HOUR},
    {"kind": "correlation", "share": 0.8, "days": 2},
)
STORMY = {"crashes": 3, "gaps": 3, "delistings": 0.3, "clustering": {}}


@pytest.mark.parametrize(
    ("first", "count"), [(0, 1), (9 * 24 + 20, 40), (10 * 24 + 5, 3), (12 * 24, 1), (13 * 24 + 9, 5)]
)
def test_an_hour_is_the_same_however_it_is_asked_for(first, count):
    whole = rows(market(*EVERYTHING, universe=30, **STORMY))
    hours = source_fixtures.hours(OPENING + first * HOUR, count)
    alone = market(*EVERYTHING, universe=30, **STORMY).snapshots(hours, LATER)
    expected = whole[whole["hour"].isin(hours)].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, expected, check_exact=True)


def test_the_same_instruments_are_hit_when_the_universe_grows():
    small, large = (rows(market(*EVERYTHING, universe=size, **STORMY), 14) for size in (7, 40))
    kept = large[large["instrument_id"].isin(small["instrument_id"].unique())].reset_index(drop=True)
    pd.testing.assert_frame_equal(small, kept, check_exact=True)


def test_a_later_drift_changes_nothing_before_it():
    with_it, without = (market(*drifts, universe=30, **STORMY) for drifts in (EVERYTHING, EVERYTHING[:-1]))
    one, other = rows(with_it), rows(without)
    early = START - HOUR
    pd.testing.assert_frame_equal(one[one["hour"] <= early], other[other["hour"] <= early], check_exact=True)


def test_the_truth_names_each_drift():
    truth = market(*EVERYTHING, universe=30).planted_drifts(OPENING, OPENING + DAYS * 24 * HOUR)
    assert set(truth["kind"]) == {each["kind"] for each in EVERYTHING}
    stays = truth[truth["kind"].isin(["one_feature", "volatility"])]
    assert stays["end"].isna().all()
    assert stays["shape"].tolist() == ["sudden", "gradual"]
    assert truth["start"].is_monotonic_increasing
    assert market().planted_drifts(OPENING, LATER).empty
    assert market(*EVERYTHING).planted_drifts(OPENING, START - HOUR).empty


BAD = {
    "no factor": ({"kind": "volatility"}, "kind volatility needs a factor"),
    "a factor of nulls": ({"kind": "nulls", "share": 0.1, "factor": 2.0}, "takes no factor; its size is its share"),
    "no share": ({"kind": "frozen_prices"}, "kind frozen_prices needs a share"),
    "a lower high": ({"kind": "one_feature", "factor": 0.5}, "its factor must be at least 1"),
    "a spike of days": ({"kind": "spike", "factor": 3.0, "days": 1}, "kind spike needs hours"),
    "two lengths": ({"kind": "volume", "factor": 2.0, "days": 1, "hours": 5}, "give days or hours, not both"),
    "gradual for ever": ({"kind": "volume", "factor": 2.0, "shape": "gradual"}, "shape gradual needs days or hours"),
    "gradual nulls": ({"kind": "nulls", "share": 0.1, "days": 3, "shape": "gradual"}, "must be sudden or recurring"),
    "no period": (
        {"kind": "volume", "factor": 2.0, "days": 1, "shape": "recurring"},
        "every_days belongs to the shape",
    ),
    "a period of sudden": ({"kind": "volume", "factor": 2.0, "days": 1, "every_days": 2}, "belongs to the shape"),
    "too short a period": (
        {"kind": "volume", "factor": 2.0, "days": 2, "every_days": 2, "shape": "recurring"},
        "must be longer than one occurrence lasts",
    ),
    "less than an hour": ({"kind": "volume", "factor": 2.0, "days": 0.01}, "at least an hour"),
    "too early": ({"kind": "volume", "factor": 2.0, "starts": "2025-12-31T23:00"}, "must not lie before opens"),
    "unknown kind": ({"kind": "weather", "factor": 2.0}, "'volatility', 'volume', 'spike'"),
    "unknown key": ({"kind": "volume", "faktor": 2.0}, "faktor: unknown key; allowed are kind, starts, days"),
}


@pytest.mark.parametrize(("drift", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_planted_is_refused_in_words(drift, words):
    with pytest.raises(ConfigError, match="simulated") as error:
        IngestSettings().override({"simulated": {"drifts": [{"starts": "2026-01-05T00:00", **drift}]}})
    assert words in str(error.value)
