"""The card says whether a version is worth having, and is not green where its outcomes say that it is not."""

from dataclasses import replace

import pytest

from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.outcomes.worth.verdict import worth_of
from mlreg_dagster_tests.evidence.cards import facts, under
from mlreg_dagster_tests.outcomes.worth.days import SETTINGS, market

RANKINGS = ("ranking:fall", "ranking:volatility")


@pytest.fixture(scope="module")
def better():
    return worth_of(market(), "v2", RANKINGS, SETTINGS.worth)


@pytest.fixture(scope="module")
def worse():
    outcomes = market()
    turned = {"v2": "ranking:fall", "ranking:fall": "v2"}
    return worth_of(outcomes.replace({"model_version": turned}), "v2", RANKINGS[:1], SETTINGS.worth)


def section(card):
    return next(each for each in card.sections if each.key == "monitoring")


def test_what_its_outcomes_say_is_on_the_card(champion, better):
    card = make_card(replace(champion[1], worth=better))
    rows = facts(card, "monitoring", "v2 against ranking:fall")
    assert [row["measure"] for row in rows] == ["precision", "recall", "average precision"]
    assert all(row["low"] < row["difference"] < row["high"] for row in rows)
    assert not any("worse" in sentence for sentence in section(card).against)


@pytest.mark.parametrize("asked", [None, "not_worse", "better"])
def test_a_version_whose_outcomes_are_worse_is_nowhere_called_successful(champion, worse, asked):
    context = champion[1]
    assert worse.verdict == "worse"
    card = make_card(under(replace(context, worth=worse), worth=asked))
    assert worse.sentence in section(card).against
    assert section(card).state != "complete"
    assert card.state in ("against", "incomplete")
    statement = f"The use case asks that it is {(asked or '').replace('_', ' ')} than every simple ranking: NOT met."
    assert (statement in section(card).against) == (asked is not None)


@pytest.mark.parametrize(("asked", "met"), [("better", True), ("not_worse", True)])
def test_what_is_better_meets_either(champion, better, asked, met):
    card = make_card(under(replace(champion[1], worth=better), worth=asked))
    assert any("than every simple ranking: met" in str(fact) for fact in section(card).facts) == met
