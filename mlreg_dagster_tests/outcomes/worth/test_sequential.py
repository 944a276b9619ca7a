"""Evidence that may be looked at every week: a fair game where nothing is there, and one that is won where it is."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.outcomes.worth.sequential import detectable, evidence, lower_end, swapped

RATE = 0.05


@st.composite
def some_weeks(draw, number=7):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    held = rng.integers(0, 40, size=(number, 2)) * rng.integers(0, 2, size=(number, 1), endpoint=True)
    hits = rng.binomial(held, rng.random((number, 1)))
    return np.stack([hits[:, 0], held[:, 0], hits[:, 1], held[:, 1]], axis=1).astype(float)


def better(number, rng=None, edge=0.1, noise=0.05):
    """Weeks in which the first is ahead by `edge`, give or take."""
    rng = rng or np.random.default_rng(0)
    held = np.full(number, 100.0)
    return np.stack([held * (0.2 + edge + noise * rng.normal(size=number)), held, 0.2 * held, held], axis=1)


@given(some_weeks())
def test_where_each_week_could_have_come_the_other_way_round_the_evidence_is_a_fair_game(weeks):
    """Over all ways in which the weeks could have come, its mean is one: so it is above 20 in one of 20 at most."""
    ways = np.array(list(product([False, True], repeat=len(weeks))))
    values = evidence(np.where(ways[:, :, None], swapped(weeks), weeks))
    assert values.mean() == pytest.approx(1.0)
    assert (values >= 1 / RATE).mean() <= RATE


@given(some_weeks(number=12))
def test_it_is_a_fair_game_at_every_look(weeks):
    """The highest value of all looks is above 20 in one of 20 ways at most."""
    rng = np.random.default_rng(7)
    ways = rng.random((4000, len(weeks))) < 0.5
    drawn = np.where(ways[:, :, None], swapped(weeks), weeks)
    highest = np.max([evidence(drawn[:, : look + 1]) for look in range(len(weeks))], axis=0)
    assert (highest >= 1 / RATE).mean() <= RATE + 3 * np.sqrt(RATE * (1 - RATE) / len(ways))


def test_a_lead_that_lasts_is_seen_and_its_mirror_image_is_not():
    weeks = better(12)
    assert evidence(weeks) > 1 / RATE
    assert evidence(swapped(weeks)) < 0.1
    assert evidence(weeks[:3]) < 1 / RATE  # three weeks can't tell, whatever they bring


@given(some_weeks(number=10), st.floats(0.1, 1e6))
def test_the_size_of_the_market_does_not_matter(weeks, scale):
    assert evidence(weeks * scale) == pytest.approx(float(evidence(weeks)))


@given(some_weeks(number=10))
def test_nothing_that_comes_later_changes_what_was_said(weeks):
    """A verdict as of a week is made of the weeks up to it: the evidence is a product, week by week."""
    changed = weeks.copy()
    changed[6:] = np.random.default_rng(0).integers(0, 50, size=changed[6:].shape)
    assert evidence(changed[:6]) == evidence(weeks[:6])


def test_a_version_against_itself_gives_no_evidence():
    weeks = better(20, edge=0.0, noise=0.0)
    assert evidence(weeks) == evidence(swapped(weeks)) == 1.0
    assert evidence(np.zeros((9, 4))) == 1.0


def test_more_than_a_lead_is_not_claimed():
    weeks = better(30, edge=0.1)
    assert evidence(weeks, 0.05) > 1 / RATE > evidence(weeks, 0.1)
    assert evidence(weeks, 0.15) < 0.1
    assert evidence(swapped(weeks), -0.15) > 1 / RATE  # not worse by more than 0.15


@pytest.mark.parametrize("number", [5, 12, 40])
def test_the_lower_end_is_where_the_evidence_begins(number):
    weeks = better(number)
    end = lower_end(weeks, RATE)
    if number == 5:
        assert end == -1
        return
    assert 0 < end < 0.1
    assert evidence(weeks, end - 1e-6) >= 1 / RATE > evidence(weeks, end + 1e-6)
    assert lower_end(weeks, 0.001) < end


def test_the_true_difference_lies_above_the_lower_end_at_every_look():
    rng = np.random.default_rng(11)
    missed = 0
    for _ in range(100):
        weeks = better(16, rng, edge=0.03, noise=0.06)
        missed += any(lower_end(weeks[:look], RATE) > 0.03 for look in range(6, 17, 2))
    assert missed <= 9


def test_what_can_be_seen_shrinks_as_weeks_add_up():
    rng = np.random.default_rng(2)
    weeks = better(60, rng, edge=0.0, noise=0.06)
    few, more, many = (detectable(weeks[:number], RATE) for number in (10, 20, 60))
    assert few > more > many > 0
    assert np.isnan(detectable(weeks[:4], RATE))
    drawn = np.array([better(20, rng, edge=more, noise=0.06) for _ in range(200)])
    assert 0.65 < (evidence(drawn) >= 1 / RATE).mean() < 0.95
