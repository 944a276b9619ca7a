"""A version against another for as many looks as one likes: it errs less often than the contest, which is for one."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.governance.promotion.champion_challenger import challenge
from mlreg_dagster.governance.promotion.sequential_comparison import compare_sequentially
from mlreg_dagster.governance.rollout.labels import BURN_IN
from mlreg_dagster_tests.outcomes.frames import START, outcomes_of

SETTINGS = ComparisonSettings(bootstrap_samples=100)
DAYS, INSTRUMENTS = 112, 12
LOOKS = (42, 56, 84, 112)


def outcomes(rng, recall=0.5, days=DAYS, base_rate=0.15):
    """One hour a day; some days shift what a version flags, in all instruments at once."""
    crash = rng.random((days, INSTRUMENTS)) < base_rate

    def flags(chance):
        odds = np.where(crash, chance / (1 - chance), 0.1) * np.exp(rng.normal(0, 1, (days, 1)))
        return rng.random(crash.shape) < odds / (1 + odds)

    day, coin = np.indices(crash.shape)
    template = outcomes_of([{"at": 24}])
    parts = [
        pd.DataFrame(
            {
                "prediction_hour": START + pd.to_timedelta(day.ravel(), "D"),
                "instrument_id": [f"coin{each}" for each in coin.ravel()],
                "model_version": version,
                "in_sample": False,
                "is_anomaly": flags(chance).ravel(),
                "score": 0.0,
                "outcome": np.where(crash, "crash", "no_crash").ravel(),
            }
        )
        for version, chance in (("v2", recall), ("v1", 0.5))
    ]
    return pd.concat(parts, ignore_index=True).astype({"prediction_hour": template["prediction_hour"].dtype})


def until(rows, day):
    return rows[rows["prediction_hour"] < START + pd.Timedelta(days=day)]


@pytest.mark.parametrize(("seed", "day"), [(3, 49), (25, 49), (42, 63), (58, 49)])
def test_a_look_at_which_the_interval_for_a_single_look_errs_does_not_deceive_it(seed, day):
    """Both are as good; by the contest, looked at every week, six of 60 such markets would give the champion up."""
    rows = outcomes(np.random.default_rng([3, seed]))
    assert challenge(until(rows, day), "v1", "v2", SETTINGS).verdict == "better"
    looks = (compare_sequentially(until(rows, each), "v2", "v1", SETTINGS) for each in (42, 49, 56, 63, 112))
    assert {each.verdict for each in looks} == {"undecided"}


@pytest.mark.slow
def test_equal_versions_are_seldom_called_worse_however_often_one_looks():
    nulls = [outcomes(np.random.default_rng([3, seed])) for seed in range(40)]
    wrong = [
        any(compare_sequentially(until(rows, day), "v2", "v1", SETTINGS).verdict == "worse" for day in LOOKS)
        for rows in nulls
    ]
    assert sum(wrong) <= 0.07 * len(nulls)


def test_a_version_that_misses_more_is_worse():
    rows = outcomes(np.random.default_rng(1), recall=0.1)
    assert compare_sequentially(rows, "v2", "v1", SETTINGS).verdict == "worse"
    turned = compare_sequentially(rows, "v1", "v2", SETTINGS)
    assert turned.verdict == "not_worse"
    assert turned.high < 0


def test_later_rows_do_not_change_what_an_earlier_look_said():
    rows = outcomes(np.random.default_rng(2), recall=0.3)
    crashing = rows.assign(
        outcome=np.where(rows["prediction_hour"] > START + pd.Timedelta(days=60), "crash", rows["outcome"])
    )
    early, later = (compare_sequentially(until(each, 60), "v2", "v1", SETTINGS) for each in (rows, crashing))
    assert early == later
    burn_in = until(rows, 2 * BURN_IN)
    doubled = pd.concat(
        [burn_in, until(rows, 60)[lambda each: each["prediction_hour"] >= START + pd.Timedelta(days=14)]]
    )
    assert compare_sequentially(doubled, "v2", "v1", SETTINGS) == early


@pytest.mark.parametrize("changes", [{"days": 2 * BURN_IN - 1}, {"base_rate": 0.0}, {"base_rate": 1.0}, {"days": 10}])
def test_with_too_little_there_is_no_verdict(changes):
    rows = outcomes(np.random.default_rng(1), recall=0.01, **changes)
    assert compare_sequentially(rows, "v2", "v1", SETTINGS).verdict == "undecided"
