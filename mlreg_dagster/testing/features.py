"""What every feature of a plug-in must do."""

from typing import ClassVar

import numpy as np
import pandas as pd

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.extensions.features import FEATURES, Feature
from mlreg_dagster.market.features.features import compute_features, features_table
from mlreg_dagster.testing.market import at, hours_at, random_market

_FIRST, _LAST, _LOOKBACK = 180, 239, 168
_VALUES = ["price", "market_cap", "volume_24h", "change_1h_pct", "change_24h_pct", "all_time_high", "volatility_7d_pct"]


class FeatureContract:
    """Subclass it and name the feature.

    Attributes:
        feature: As it is registered.
    """

    feature: ClassVar[str]

    @property
    def registered(self) -> Feature:
        """The feature itself."""
        found = FEATURES.get(self.feature)
        assert found is not None, f"No feature {self.feature} is registered; import the module that does."
        return found

    @property
    def settings(self) -> FeatureSettings:
        """Settings that choose it."""
        return FeatureSettings(own={self.feature: self.registered.version})

    @property
    def market(self) -> pd.DataFrame:
        """Snapshots of a random market with holes."""
        return random_market(17, length=_LAST + 1, instruments=5, seen=0.8)

    def values(self, snapshots: pd.DataFrame, first: int = _FIRST, last: int = _LAST) -> "pd.Series[float]":
        """The feature by hour and instrument."""
        rows = compute_features(snapshots, hours_at(first, last), self.settings, _LOOKBACK)
        found: pd.Series[float] = rows.set_index(["hour", "instrument_id"])[self.feature]
        return found

    def test_it_is_described(self) -> None:
        """Readers of the data dictionary learn what it is."""
        assert self.registered.description
        assert self.registered.unit

    def test_its_rows_fit_the_table(self) -> None:
        """A number or a null for each row, and not null everywhere."""
        rows = compute_features(self.market, hours_at(_FIRST, _LAST), self.settings, _LOOKBACK)
        features_table(self.settings).validate(rows)
        values = rows[self.feature].to_numpy()
        assert not np.isinf(values).any()
        assert not np.isnan(values).all(), "It is null everywhere: is the lookback too short?"

    def test_past_rows_do_not_change_when_later_rows_do(self) -> None:
        """Nothing computed for an hour looks ahead."""
        market, cut = self.market, at((_FIRST + _LAST) // 2)
        later = market["hour"] > cut
        altered = market.copy()
        altered.loc[later, _VALUES] = market.loc[later, _VALUES] * 7
        for other in (altered, market[~later]):
            found, expected = (self.values(each).loc[:cut] for each in (other, market))
            assert found.equals(expected), f"{self.feature} of an hour changes when later hours change: it looks ahead."

    def test_an_hour_alone_and_within_a_range_agree_to_the_last_bit(self) -> None:
        """What is computed together plays no part."""
        together = self.values(self.market)
        for hour in range(_FIRST, _LAST + 1, 7):
            alone = self.values(self.market, hour, hour)
            expected = together[together.index.get_level_values("hour") == at(hour)]
            assert alone.equals(expected), f"{self.feature} of an hour depends on the hours that are computed with it."

    def test_it_does_not_change_what_it_reads(self) -> None:
        """The other features are the same with it and without it."""
        with_it, without = (
            compute_features(self.market, hours_at(_FIRST, _LAST), settings, _LOOKBACK)
            for settings in (self.settings, FeatureSettings())
        )
        shared = [name for name in without.columns if name != "feature_settings"]
        assert with_it[shared].equals(without[shared]), "It changes the grid that other features are computed from."
