"""Features of plug-ins beside those of the package, and the grid that both are computed on."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config import ConfigError, FeatureSettings
from mlreg_dagster.extensions import FeatureFailed, Grid, PluginError, feature, isolated
from mlreg_dagster.market.features.built_in import FAMILIES, built_in_features
from mlreg_dagster.market.features.features import (
    compute_features,
    describe_features,
    families_of,
    features_of,
    features_table,
)
from mlreg_dagster.market.features.provenance import OtherFeatureSettings, require_settings
from mlreg_dagster_tests.market.frames import hours_at, random_market

HOURS = hours_at(200, 215)
OWN = FeatureSettings(own={"ratio": "1"})


@pytest.fixture
def ratio():
    """A feature that is registered for the test."""
    with isolated():

        @feature("ratio", lookback=2, description="Price against the one 2 h before", unit="%")
        def ratio(grid):
            return grid.now("price") / grid.lagged("price", 2)

        yield


@pytest.fixture(scope="module")
def market():
    return random_market(4, length=216, instruments=4)


def computed(market, settings):
    return compute_features(market, HOURS, settings, 168)


@pytest.mark.usefixtures("ratio")
def test_it_joins_the_table_after_the_features_of_the_package(market):
    rows, usual = computed(market, OWN), computed(market, FeatureSettings())
    assert list(rows.columns) == [*usual.columns, "ratio"]
    features_table(OWN).validate(rows)
    shared = [name for name in usual.columns if name != "feature_settings"]
    pd.testing.assert_frame_equal(rows[shared], usual[shared], check_exact=True)
    assert describe_features(OWN)["ratio"] == "Price against the one 2 h before, %."
    prices = market.pivot(index="hour", columns="instrument_id", values="price").reindex(hours_at(0, 215))
    expected = (prices / prices.shift(2)).stack(future_stack=True)
    found = rows.set_index(["hour", "instrument_id"])["ratio"]
    np.testing.assert_array_equal(found.to_numpy(), expected.reindex(found.index).to_numpy())


@pytest.mark.usefixtures("ratio")
def test_rows_with_and_without_it_and_of_another_version_refuse_each_other(market):
    rows, usual = computed(market, OWN), computed(market, FeatureSettings())
    for left, right in ((rows, FeatureSettings()), (usual, OWN), (rows, FeatureSettings(own={"ratio": "2"}))):
        with pytest.raises(OtherFeatureSettings, match=r"own is .*there"):
            require_settings(left, right.model_dump(mode="json"), "features.yaml", "")
    require_settings(rows, OWN.model_dump(mode="json"), "features.yaml", "")
    assert len({each.fingerprint for each in (FeatureSettings(), OWN, FeatureSettings(own={"ratio": "2"}))}) == 3


def test_without_a_plug_in_rows_say_the_same_of_their_making_as_before():
    assert FeatureSettings().text == '{"lag_hours": [1, 6, 24], "min_window_share": 0.5, "rolling_hours": [6, 24]}'


def test_every_feature_of_the_package_belongs_to_a_family_that_is_described():
    settings = FeatureSettings(lag_hours=(1, 2, 100), rolling_hours=(3, 168))
    families = families_of(settings)
    assert list(families) == [each.name for each in features_of(settings)]
    assert set(families.values()) == set(FAMILIES)


@pytest.mark.usefixtures("ratio")
def test_a_feature_is_a_family_by_itself_unless_it_names_one():
    @feature("turns", lookback=1, description="Turns of the volume", unit="1", family="volume")
    def turns(grid):
        return grid.now("volume_24h") / grid.lagged("volume_24h", 1)

    families = families_of(FeatureSettings(own={"ratio": "1", "turns": "1", "gone": "1"}))
    assert (families["ratio"], families["turns"], families["gone"]) == ("ratio", "volume", "gone")


def test_features_of_old_models_are_described_without_their_plug_in():
    assert describe_features(OWN) == describe_features(FeatureSettings())
    with pytest.raises(ConfigError, match=r"own.ratio: no plug-in registers this feature; allowed are none"):
        features_of(OWN)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda grid: grid.now("price")[1:], r"gave values of shape \(15, 4\) for 16 hours and 4 instruments"),
        (lambda grid: grid.now("prise"), "failed: KeyError"),
        (
            lambda grid: grid.lagged("price", 2),
            "failed: ValueError: The grid holds 1 hours of lookback, 2",
        ),
        (lambda grid: grid.window("price", 3), "failed: ValueError: The grid holds 1 hours of lookback, a window of 3"),
        (lambda grid: grid.now("price").fill(0), "failed: ValueError: assignment destination is read-only"),
    ],
)
def test_a_failing_feature_is_named(market, function, said):
    with isolated():
        feature("failing", lookback=1, description="Fails", unit="1")(function)
        with pytest.raises(FeatureFailed, match=rf"The feature failing of mlreg_dagster_tests unknown {said}"):
            computed(market, FeatureSettings(own={"failing": "1"}))


def test_what_is_not_finite_is_null(market):
    with isolated():
        feature("infinite", lookback=0, description="Infinite", unit="1")(lambda grid: grid.now("price") / 0)
        assert computed(market, FeatureSettings(own={"infinite": "1"}))["infinite"].isna().all()


@pytest.mark.parametrize("name", ["instrument_id", "hour_of_day", "change_1h_pct_mean_7h"])
def test_a_name_of_the_table_is_taken(name):
    own = feature(name, lookback=0, description="Own", unit="1")
    with isolated(), pytest.raises(PluginError, match=f"the feature {name}, which mlreg_dagster itself has registered"):
        own(lambda grid: grid.now("price"))
    with pytest.raises(ConfigError, match=rf"own\.{name}: no plug-in registers this feature"):
        features_of(FeatureSettings(own={name: "1"}))


COLUMNS = (
    *("price", "market_cap", "volume_24h", "change_1h_pct", "change_24h_pct", "change_7d_pct", "all_time_high"),
    "volatility_7d_pct",
)
BUILT_IN = built_in_features(FeatureSettings())


@pytest.mark.parametrize("each", BUILT_IN, ids=lambda each: each.name)
def test_the_lookback_that_a_feature_states_is_enough(market, each):
    """What lies further back makes no difference to it."""
    tables = {name: market.pivot(index="hour", columns="instrument_id", values=name) for name in COLUMNS}
    wide = Grid({name: table.reindex(hours_at(32, 215)).to_numpy() for name, table in tables.items()}, HOURS)
    sharing = [other.name for other in BUILT_IN if other.fill is each.fill]
    results = []
    for grid in (wide, wide.limited_to(each.lookback)):
        arrays = [np.empty((len(HOURS), 4)) for _ in sharing]
        each.fill(grid, *arrays)
        results.append(arrays[sharing.index(each.name)])
    np.testing.assert_array_equal(results[1], results[0])
