"""Whether a champion is worse, on outcomes whose truth is known; `benchmarks/concept.py` does the same at full size."""

import numpy as np
import pytest

from mlreg_dagster.config import DetectionSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.monitoring.drift.families.concept import Champion, concept_rows, verdict_of
from mlreg_dagster.monitoring.drift.statistics.paired import compared
from mlreg_dagster_tests.monitoring.concept_markets import RANKING, START, looks, onsets, simulated

SETTINGS = DetectionSettings()
BEFORE, AFTER = 60, 42


@pytest.mark.parametrize("opponent", ["v1", RANKING])
def test_the_simulation_asks_as_the_tables_do(opponent):
    market = simulated(3, 100, opponent, drop=0.3, since=50)
    champion = Champion("v2", START, None if opponent == RANKING else opponent, None)
    said = looks(market, SETTINGS)
    for place in (10, 40, 75, len(said) - 1):
        day = market.counted["day"].iloc[place]
        due = market.crashes[market.crashes["prediction_hour"] + 24 * HOUR < day + 24 * HOUR]
        rows = concept_rows(market.counted, due, day, champion, SETTINGS)
        assert (said[place].verdict, said[place].episodes) == verdict_of(rows)[:2]
        np.testing.assert_allclose(rows["detectable"].iloc[0], said[place].detectable, equal_nan=True)


def test_a_drop_is_as_large_as_it_is_planted():
    found = [simulated(seed, 120, drop=0.3).counted[["crashes", "hits", "opponent_hits"]].sum() for seed in range(8)]
    apart = [(each["opponent_hits"] - each["hits"]) / each["crashes"] for each in found]
    assert np.mean(apart) == pytest.approx(0.3, abs=0.06)


def test_a_champion_that_is_as_good_is_rarely_worse_and_a_large_drop_is_found():
    null = [len(onsets(looks(simulated(seed, BEFORE + AFTER), SETTINGS))) for seed in range(10)]
    assert sum(null) <= 3
    dropped = [simulated(seed, BEFORE + AFTER, drop=0.3, since=BEFORE) for seed in range(10)]
    assert sum(any(each.verdict == "worse" for each in looks(market, SETTINGS, BEFORE)) for market in dropped) >= 7


def test_a_drop_below_the_asked_one_is_the_same_however_sure():
    rng = np.random.default_rng(1)
    crashes = rng.integers(900, 1100, size=28).astype(float)
    counts = np.stack([0.46 * crashes + rng.normal(size=28), crashes, 0.5 * crashes, crashes], axis=1)
    found = compared(counts, None, 99, SETTINGS)
    assert found.high < 0
    assert (found.verdict, found.detectable) == ("same", SETTINGS.concept_drop)
    counts[:, 0] -= 0.02 * crashes
    assert compared(counts, None, 99, SETTINGS).verdict == "worse"
    assert compared(counts, None, 29, SETTINGS).verdict == "unknown"


def test_where_no_drop_could_be_found_it_is_not_known_whether_there_is_one():
    """Most crashes fell on one day, on which the champion found none."""
    crashes = np.full(28, 2.0)
    crashes[3] = 80
    counts = np.stack([0.5 * crashes, crashes, 0.5 * crashes, crashes], axis=1)
    counts[::2, 0] += 1
    counts[1::2, 0] -= 0.5
    counts[3, 0] = 0
    found = compared(counts, None, 99, SETTINGS)
    assert np.isfinite([found.low, found.high]).all()
    assert np.isnan(found.detectable)
    assert found.verdict == "unknown"
