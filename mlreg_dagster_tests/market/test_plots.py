import numpy as np
import pytest

from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.market.features.built_in import BASE
from mlreg_dagster.market.features.features import compute_features
from mlreg_dagster.market.plots import change_heat_map, feature_distributions
from mlreg_dagster_tests.market.frames import at, hours_at, random_market, snapshot_of
from mlreg_dagster_tests.svg import is_a_sentence, words_of

pytestmark = [
    pytest.mark.pictures,
    pytest.mark.filterwarnings("error::RuntimeWarning", "error::UserWarning"),  # numpy's and matplotlib's
]


@pytest.fixture(scope="module")
def rows():
    return random_market(1, length=60, instruments=4)


@pytest.fixture(scope="module")
def features():
    return compute_features(random_market(1, length=200), hours_at(170, 199), FeatureSettings(), 168)


def test_many_hours_are_a_heat_map_and_one_hour_is_bars(rows):
    assert "Heat map" in words_of(change_heat_map(rows))
    assert "Bars" in words_of(change_heat_map(rows[rows["hour"] == at(40)]))


def test_a_market_of_hundreds_and_one_of_a_single_row_are_drawn():
    crowd = snapshot_of(
        {"at": 400 * day, "instrument_id": f"coin{n}", "change_1h_pct": n} for n in range(300) for day in range(2)
    )
    assert words_of(change_heat_map(crowd))
    assert words_of(change_heat_map(snapshot_of([{}])))


def test_where_no_change_is_known_a_sentence_says_why(rows):
    assert is_a_sentence(change_heat_map(rows.iloc[:0]))
    assert "not observed" in change_heat_map(rows.assign(change_1h_pct=np.nan))


def test_the_distributions_of_known_and_unknown_features_are_drawn(features):
    assert words_of(feature_distributions(features)) == "Histograms of the base features"
    assert words_of(feature_distributions(features.iloc[[0]]))
    assert words_of(feature_distributions(features.assign(**dict.fromkeys(BASE, np.nan))))
    assert is_a_sentence(feature_distributions(features.iloc[:0]))


@pytest.mark.parametrize("value", [0.0, 1e6, -3e-12])
def test_features_that_hardly_differ_are_drawn(features, value):
    alike = value + np.spacing(value) * np.arange(len(features)) / len(features)
    assert words_of(feature_distributions(features.assign(**dict.fromkeys(BASE, alike))))


@pytest.mark.parametrize("name", ["$a$", "$\\frac$", "a\x00b", "\u202ebtc", "x" * 10**5, "<script>", "a\x0bb"])
def test_a_hostile_name_stops_no_hour(name):
    crowd = snapshot_of(
        {"at": 24 * day, "instrument_id": each, "change_1h_pct": n}
        for n, each in enumerate((name, "other", "third"))
        for day in range(2)
    )
    assert words_of(change_heat_map(crowd))
    assert words_of(change_heat_map(crowd[crowd["hour"] == crowd["hour"].max()]))
