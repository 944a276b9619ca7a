"""Champion and challenger on matured outcomes: who is better, and when nobody can tell."""

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.core.hours import HOUR, hour_range
from mlreg_dagster.governance.promotion.champion_challenger import challenge
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster_tests.lifecycle import DUE, LIVE
from mlreg_dagster_tests.outcomes.frames import outcomes_of

SETTINGS = ComparisonSettings(bootstrap_samples=200)
INSTRUMENTS, WEEKS = 40, 12
WEEK = 7 * 24 * HOUR


def market(**flagging):
    """Outcomes of an hour a week by several versions: version to (share of crashes flagged, of the rest).

    Three of four instruments crash at times; each version sees that with noise of its own.
    """
    rng = np.random.default_rng(0)
    crash = rng.random((INSTRUMENTS, WEEKS)) < np.where(np.arange(INSTRUMENTS) % 4, 0.2, 0.0)[:, None]
    parts = []
    for number, (version, (recall, alarms)) in enumerate(flagging.items()):
        flags = np.random.default_rng(number + 1).random(crash.shape) < np.where(crash, recall, alarms)
        parts += [
            {
                "instrument_id": f"coin{coin}",
                "at": 7 * 24 * week + 24,
                "model_version": version,
                "is_anomaly": bool(flags[coin, week]),
                "outcome": "crash" if crash[coin, week] else "no_crash",
            }
            for coin in range(INSTRUMENTS)
            for week in range(WEEKS)
        ]
    return outcomes_of(parts)


@pytest.mark.parametrize(
    ("challenger", "champion", "verdict"),
    [
        ((0.9, 0.05), (0.4, 0.05), "better"),
        ((0.4, 0.05), (0.9, 0.05), "worse"),
        ((0.7, 0.02), (0.7, 0.3), "better"),
    ],
)
def test_who_finds_more_crashes_with_fewer_alarms_is_better(challenger, champion, verdict):
    outcomes = market(v2=challenger, v1=champion)
    found = challenge(outcomes, "v2", "v1", SETTINGS)
    assert found.verdict == verdict
    assert (found.pairs, found.instruments) == (480, 40)
    turned = challenge(outcomes, "v1", "v2", SETTINGS)
    assert turned.verdict == {"better": "worse", "worse": "better"}.get(verdict, verdict)
    assert turned.recall.difference == pytest.approx(-found.recall.difference)
    assert found == challenge(outcomes.sample(frac=1, random_state=1), "v2", "v1", SETTINGS)


def test_two_that_know_alike_are_seldom_told_apart():
    """Equal in distribution, sixty times: about one in twenty may be told apart."""
    outcomes = market(v2=(0.0, 0.0), v1=(0.0, 0.0))
    chance = np.where(outcomes["outcome"] == "crash", 0.6, 0.05)
    verdicts = []
    for seed in range(60):
        flagged = outcomes.assign(is_anomaly=np.random.default_rng(seed).random(len(outcomes)) < chance)
        verdicts.append(challenge(flagged, "v2", "v1", SETTINGS).verdict)
    assert verdicts.count("not distinguishable") >= 52


def test_flagging_more_or_less_without_knowing_more_is_no_better():
    """Who flags nothing errs least and who flags everything misses nothing; neither is better."""
    outcomes = market(idle=(0.0, 0.0), v1=(0.3, 0.3), shouting=(0.95, 0.95))
    idle = challenge(outcomes, "idle", "v1", SETTINGS)
    assert idle.error_rate.verdict == "better"
    assert idle.verdict == "not distinguishable"
    assert (idle.precision.verdict, idle.precision.difference) == ("not distinguishable", None)
    shouting = challenge(outcomes, "shouting", "v1", SETTINGS)
    assert shouting.recall.verdict == "better"
    assert shouting.verdict == "not distinguishable"


def test_more_crashes_found_at_the_price_of_precision_is_nobodys_victory():
    found = challenge(market(v2=(1.0, 0.2), v1=(0.5, 0.01)), "v2", "v1", SETTINGS)
    assert (found.informedness.verdict, found.precision.verdict) == ("better", "worse")
    assert found.verdict == "not distinguishable"


def test_the_numbers_are_those_of_the_pairs():
    rows = [
        # coin, champion flags, challenger flags, outcome
        ("a", True, True, "crash"),
        ("b", False, True, "crash"),
        ("c", True, False, "crash"),
        ("d", False, True, "crash"),
        ("e", True, False, "no_crash"),
        ("f", False, False, "no_crash"),
    ]
    outcomes = outcomes_of(
        {"instrument_id": coin, "model_version": version, "is_anomaly": flag, "outcome": outcome, "at": 24}
        for coin, champion, challenger, outcome in rows
        for version, flag in (("v1", champion), ("v2", challenger))
    )
    found = challenge(outcomes, "v2", "v1", SETTINGS)
    assert (found.pairs, found.instruments, found.crashes) == (6, 6, 4)
    assert found.recall.difference == pytest.approx(3 / 4 - 2 / 4)
    assert found.precision.difference == pytest.approx(3 / 3 - 2 / 3)
    assert found.informedness.difference == pytest.approx((3 / 4 - 0) - (2 / 4 - 1 / 2))
    assert found.error_rate.difference == pytest.approx(3 / 6 - 1 / 6)


@pytest.fixture(scope="module")
def apart():
    return market(v2=(0.9, 0.05), v1=(0.4, 0.05))


def test_only_the_same_hours_of_the_same_instruments_count(apart):
    of_champion = apart["model_version"] == "v1"
    hour = apart["prediction_hour"]
    left_out = of_champion & (hour < hour.min() + 4 * WEEK)  # before the champion began
    other_coin = ~of_champion & (apart["instrument_id"] == "coin7")
    found = challenge(apart[~left_out & ~other_coin], "v2", "v1", SETTINGS)
    assert (found.pairs, found.instruments) == (39 * 8, 39)
    assert found.first == hour.min() + 4 * WEEK
    assert found.last == hour.max()


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("change", [{"in_sample": True}, {"outcome": "unresolved"}])
def test_what_is_in_sample_or_unresolved_for_either_does_not_count(apart, version, change):
    coins = apart["instrument_id"].isin(["coin1", "coin2"]) & (apart["model_version"] == version)
    changed = apart.copy()
    for name, value in change.items():
        changed.loc[coins, name] = value
    found = challenge(changed, "v2", "v1", SETTINGS)
    assert (found.pairs, found.instruments) == (38 * WEEKS, 38)
    without = apart[~apart["instrument_id"].isin(["coin1", "coin2"])]
    assert found == challenge(without, "v2", "v1", SETTINGS)


def test_too_few_tell_nothing_apart(apart):
    few_pairs = challenge(apart, "v2", "v1", SETTINGS.override({"min_pairs": 481}))
    assert few_pairs.verdict == "not distinguishable"
    assert challenge(apart, "v2", "v1", SETTINGS.override({"min_pairs": 480})).verdict == "better"
    hour = apart["prediction_hour"]
    few_weeks = challenge(apart[hour < hour.min() + 5 * WEEK], "v2", "v1", SETTINGS)
    assert (few_weeks.pairs, few_weeks.verdict, few_weeks.informedness.low) == (200, "not distinguishable", None)
    assert challenge(apart[hour < hour.min() + 10 * WEEK], "v2", "v1", SETTINGS).verdict == "better"


def test_every_interval_says_that_it_is_for_a_single_look(apart):
    found = challenge(apart, "v2", "v1", SETTINGS)
    for name in ("informedness", "recall", "precision", "error_rate"):
        assert "95% interval" in getattr(found, name).reason
        assert "for a single look, of 12 weeks." in getattr(found, name).reason


def test_by_days_there_is_an_interval_but_no_verdict(apart):
    by_day = apart.assign(prediction_hour=apart["prediction_hour"].min() + (apart["hour"] - apart["hour"].min()) / 7)
    found = challenge(by_day, "v2", "v1", SETTINGS)
    assert found.informedness.low > 0
    assert found.verdict == found.informedness.verdict == "not distinguishable"
    assert "12 days, asked are 6 weeks" in found.informedness.reason


def test_the_same_weeks_with_ten_times_the_rows_are_no_more_evidence():
    once = market(v2=(0.6, 0.05), v1=(0.5, 0.05))
    often = pd.concat([once.assign(instrument_id=once["instrument_id"] + f" {copy}") for copy in range(10)])
    few, many = (challenge(outcomes, "v2", "v1", SETTINGS) for outcomes in (once, often))
    assert (many.pairs, many.verdict) == (10 * few.pairs, few.verdict)
    for name in ("informedness", "recall", "precision", "error_rate"):
        one, ten = getattr(few, name), getattr(many, name)
        assert (ten.low, ten.high) == pytest.approx((one.low, one.high))


def test_who_never_met_is_not_compared(apart):
    found = challenge(apart, "v9", "v1", SETTINGS)
    assert (found.pairs, found.instruments, found.first, found.verdict) == (0, 0, None, "not distinguishable")
    assert found.recall.difference is None


def test_a_calm_market_tells_nothing_of_recall():
    calm = market(v2=(0.9, 0.05), v1=(0.4, 0.05)).assign(outcome="no_crash")
    found = challenge(calm, "v2", "v1", SETTINGS)
    assert (found.crashes, found.recall.difference, found.verdict) == (0, None, "not distinguishable")


@pytest.mark.slow
def test_a_challenger_is_scored_in_the_champions_shadow_and_its_outcomes_mature(trained):
    trained.promote("v1", LIVE)
    trained.promote("v2", LIVE, alias="challenger")
    trained.run_hours(jobs.PREDICTIONS, hour_range(LIVE, LIVE + 2 * HOUR))
    trained.run_hours(jobs.OUTCOMES, hour_range(DUE, DUE + 2 * HOUR))
    outcomes = trained.warehouse.read(PREDICTION_OUTCOMES, DUE, DUE + 2 * HOUR)
    roles = outcomes.groupby("model_version")["role"].unique().map(list).to_dict()
    assert roles == {"v1": ["champion"], "v2": ["challenger"]}
    found = challenge(outcomes, "v2", "v1", SETTINGS)
    resolved = (outcomes["outcome"] != "unresolved") & (outcomes["model_version"] == "v2")
    assert found.pairs == resolved.sum() > 0
    assert (found.first, found.last) == (LIVE, LIVE + 2 * HOUR)
    assert trained.registry.holder("champion").version == "v1"  # all that before it may be promoted


def test_outcomes_of_the_empty_table_are_no_pairs():
    empty = PREDICTION_OUTCOMES.empty()
    assert isinstance(empty, pd.DataFrame)
    assert challenge(empty, "v2", "v1", SETTINGS).pairs == 0
