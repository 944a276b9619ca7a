"""Better, not worse, worse or unknown than the simple rankings; and the sentence that says so."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mlreg_dagster.config import WorthSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.outcomes.worth.counts import counts_by_day, known_until
from mlreg_dagster.outcomes.worth.verdict import crashes_of, worth_of, worth_of_counts
from mlreg_dagster.storage.warehouse.tables import InvalidRows
from mlreg_dagster_tests.outcomes.worth.markets import MONDAY, OTHERS, market

SETTINGS = WorthSettings(resamples=100)
WEEK = 7 * 24 * HOUR
FEW = settings(max_examples=4, deadline=None, phases=[Phase.generate])  # to shrink a whole market takes minutes


@pytest.fixture(scope="module")
def strong():
    return market(v1=1.5, v2=0.5, volatility=0.5, fall=0.1)


def test_one_that_hits_more_with_as_many_flags_is_better(strong):
    found = worth_of(strong, "v1", [*OTHERS, "v2"], SETTINGS)
    assert found.verdict == "better"
    assert found.best.opponent == "ranking:volatility"
    assert found.best is found.against("ranking:volatility")
    precision = found.best.precision
    assert 0 < found.best.surely_above < precision.difference < found.best.surely_below
    assert 0 < precision.low < precision.difference < precision.high
    assert precision.difference == pytest.approx(precision.value - precision.opponent)
    assert (precision.unit, precision.blocks, found.best.weeks) == ("weeks", 11, 11)  # the last week is not all due
    assert found.best.independent_episodes <= found.best.episodes
    assert all(each.recall.difference > 0 < each.average_precision.difference for each in found.comparisons)
    hits, others = (f"{100 * share:.1f}" for share in (precision.value, precision.opponent))
    assert found.sentence.startswith(
        f"At the same flag budget, v1's flags hit a crash in {hits} of 100, those of `volatility`, the best simple "
        f"ranking, in {others}: +{100 * precision.difference:.1f} points ("
    )
    assert found.sentence.endswith("independent crash episodes; better than every simple ranking.")


def test_one_that_hits_less_is_worse():
    found = worth_of(market(weeks=20, v1=0.0, volatility=1.5, fall=0.1), "v1", OTHERS, SETTINGS)
    assert (found.verdict, found.best.opponent) == ("worse", "ranking:volatility")
    assert found.against("ranking:fall").verdict != "worse"
    assert "\N{MINUS SIGN}" in found.sentence
    assert found.sentence.endswith("; worse than a simple ranking.")


def test_one_as_good_as_the_best_is_not_worse_where_that_can_be_told_and_unknown_before():
    outcomes = market(weeks=50, instruments=30, v1=1.5, volatility=1.5, fall=0.1)
    found = worth_of(outcomes, "v1", OTHERS, SETTINGS)
    assert found.verdict == "not worse"
    assert found.sentence.endswith("at most 25% worse than any simple ranking.")
    strict = SETTINGS.override({"margin": 0.02})
    early = worth_of(outcomes[outcomes["hour"] < MONDAY + 12 * WEEK], "v1", OTHERS, strict)
    assert (early.verdict, early.best.evidence.missing) == ("unknown", "")
    assert "not distinguishable; as many weeks like these could show a difference of " in early.sentence
    assert f"{100 * early.best.detectable:.1f} points." in early.sentence


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ({"min_blocks": 12}, "complete weeks so far: 11, asked are 12"),
        ({"min_episodes": 1000}, "independent crash episodes, 1000 are asked"),
    ],
)
def test_too_little_is_unknown_whatever_it_says(strong, asked, missing):
    found = worth_of(strong, "v1", OTHERS, SETTINGS.override(asked))
    assert (found.verdict, found.best.verdict) == ("unknown", "unknown")
    assert missing in found.best.evidence.missing
    assert found.sentence.endswith(f"not distinguishable ({found.best.evidence.missing}).")


def test_only_rankings_make_the_verdict_and_those_that_it_is_too_early_for_are_no_part_of_it(strong):
    alone = worth_of(strong, "v1", ["v2"], SETTINGS)
    assert (alone.verdict, alone.best, alone.against("v2").verdict) == ("unknown", None, "better")
    assert alone.sentence == "Not known whether v1 is worth having: no simple ranking has scored the same rows."
    new = strong[(strong["model_version"] != "ranking:volatility") | (strong["hour"] > MONDAY + 9 * WEEK)]
    found = worth_of(new, "v1", OTHERS, SETTINGS)
    assert found.against("ranking:volatility").evidence.missing
    assert found.verdict == found.against("ranking:fall").verdict == "better"


def test_a_version_is_not_held_against_itself(strong):
    assert worth_of(strong, "v1", ["v1"], SETTINGS).comparisons == ()
    twin = pd.concat([strong, strong[strong["model_version"] == "v1"].assign(model_version="ranking:twin")])
    found = worth_of(twin, "v1", ["ranking:twin"], SETTINGS)
    assert found.verdict == "not worse"  # which it is not than itself
    assert found.best.precision.difference == found.best.recall.difference == 0.0
    assert found.best.average_precision.difference == 0.0
    assert (found.best.surely_above, found.best.surely_below) == pytest.approx((0.0, 0.0))


def test_without_outcomes_nothing_is_known(strong):
    found = worth_of(strong[:0], "v1", OTHERS, SETTINGS)
    assert (found.verdict, found.best.pairs, found.best.first) == ("unknown", 0, None)
    assert found.sentence.startswith("Not known whether v1 is worth having: it and ")


def test_a_prediction_made_twice_is_refused(strong):
    with pytest.raises(InvalidRows, match="v1 has two predictions"):
        worth_of(pd.concat([strong, strong[:1]]), "v1", OTHERS, SETTINGS)


def test_stored_counts_give_the_same_answer(strong):
    counts = {each: counts_by_day(strong, "v1", each, SETTINGS.budget) for each in OTHERS}
    found = worth_of_counts("v1", counts, crashes_of(strong, "v1"), known_until(strong), SETTINGS)
    assert found == worth_of(strong, "v1", OTHERS, SETTINGS)


@FEW
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(strong, random):
    shuffled = strong.sample(frac=1, random_state=random.randrange(2**32))
    assert worth_of(shuffled, "v1", OTHERS, SETTINGS) == worth_of(strong, "v1", OTHERS, SETTINGS)


@FEW
@given(st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_within_a_week_nothing_changes_and_what_comes_later_never_does(strong, days, seed):
    """As of the end of week 9, and on any day of week 10, whatever that day's outcomes say."""
    end = MONDAY + 9 * WEEK + 24 * HOUR  # the outcomes of the last hour of the week are due a day later
    then = worth_of(strong[strong["hour"] <= end], "v1", OTHERS, SETTINGS)
    later = strong[strong["hour"] <= end + 24 * days * HOUR].copy()
    new = later["hour"] > end
    rng = np.random.default_rng(seed)
    fallen = set(rng.choice(later.loc[new, "instrument_id"].unique(), 3)) if days else set()
    later.loc[new, "outcome"] = np.where(later.loc[new, "instrument_id"].isin(fallen), "crash", "no_crash")
    later.loc[new, "is_anomaly"] = rng.random(new.sum()) < 0.5
    assert worth_of(later, "v1", OTHERS, SETTINGS) == then


@FEW
@given(st.integers(-200, 200))
def test_a_market_moved_by_whole_weeks_is_the_same(strong, weeks):
    moved = strong.assign(**{name: strong[name] + weeks * WEEK for name in ("hour", "prediction_hour")})
    here, there = (worth_of(each, "v1", OTHERS, SETTINGS) for each in (strong, moved))
    assert there.best.first == here.best.first + weeks * WEEK
    assert (there.sentence, there.best.evidence) == (here.sentence, here.best.evidence)


def test_flagging_more_or_less_of_the_same_ranking_changes_no_verdict(strong):
    """A threshold that lets a third of the rows through, or a tenth as many as its opponents."""
    own = strong["model_version"] == "v1"
    for threshold in (0.5, 2.2):
        flags = strong["is_anomaly"].where(~own, strong["score"] > threshold)
        found = worth_of(strong.assign(is_anomaly=flags), "v1", OTHERS, SETTINGS)
        assert found.verdict in ("better", "unknown")
        assert found.best.precision.difference > 0
    no_skill = strong.assign(score=strong["score"].where(~own, np.random.default_rng(0).normal(size=len(strong))))
    for threshold in (0.5, 2.2):
        flags = no_skill["is_anomaly"].where(~own, no_skill["score"] > threshold)
        found = worth_of(no_skill.assign(is_anomaly=flags), "v1", OTHERS, SETTINGS)
        assert found.verdict in ("worse", "unknown")
        assert found.best.precision.difference < 0
