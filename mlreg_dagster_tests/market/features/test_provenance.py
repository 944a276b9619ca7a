"""Feature settings as rows carry them: equal settings read alike, others are refused."""

import random

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.market.features.provenance import OtherFeatureSettings, require_settings
from mlreg_dagster_tests.market.frames import hours_at, random_market

SNAPSHOTS = random_market(4, length=175, instruments=2)
settings = st.builds(
    FeatureSettings,
    lag_hours=st.lists(st.integers(1, 168), max_size=3, unique=True).map(tuple),
    rolling_hours=st.lists(st.integers(2, 168), max_size=3, unique=True).map(tuple),
    min_window_share=st.sampled_from([0, 0.1, 0.5, 1]),
)


def shuffled(values, seed):
    """The same keys and values, written down in another order."""
    keys = random.Random(seed).sample(list(values), len(values))
    return yaml.safe_load(yaml.safe_dump({key: values[key] for key in keys}, sort_keys=False))


def rows_of(made_with):
    return compute_features(SNAPSHOTS, hours_at(170, 174), made_with, 168)


def require(rows, expected):
    require_settings(rows, expected, "features.yaml", "Fix it.")


@given(settings, st.integers())
def test_equal_settings_have_one_fingerprint_in_whichever_order_their_keys_come(one, seed):
    values = shuffled(one.model_dump(mode="json"), seed)
    again = FeatureSettings().override(values)
    assert (again.text, again.fingerprint) == (one.text, one.fingerprint)
    require(rows_of(one), values)


@given(settings, settings)
def test_other_settings_have_another_fingerprint_and_their_rows_are_refused(one, other):
    rows, expected = rows_of(one), other.model_dump(mode="json")
    if one == other:
        require(rows, expected)
        return
    assert one.fingerprint != other.fingerprint
    with pytest.raises(OtherFeatureSettings) as caught:
        require(rows, expected)
    for name, value in expected.items():
        was = one.model_dump(mode="json")[name]
        assert (f"{name} is {was} there, {value} in features.yaml" in str(caught.value)) == (was != value)


def test_one_row_of_other_settings_is_enough():
    rows = rows_of(FeatureSettings()).astype({"feature_settings": "str"})  # as tables give them back
    rows.loc[3, "feature_settings"] = FeatureSettings(min_window_share=0.4).text
    with pytest.raises(OtherFeatureSettings, match=rf"^1 of {len(rows)} rows of market_features"):
        require(rows, FeatureSettings().model_dump(mode="json"))
