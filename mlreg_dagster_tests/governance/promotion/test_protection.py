"""A champion that is confirmed worse than the version before gives way: by itself, or once a person decides."""

from dataclasses import replace

import pandas as pd
import pytest

from mlreg_dagster.governance.promotion.protection import Protection, protection
from mlreg_dagster.governance.promotion.sequential_comparison import compare_sequentially
from mlreg_dagster.registry import AliasEvent, DriftDecision
from mlreg_dagster_tests.governance.promotion.test_champion_challenger import SETTINGS, market

NOW = pd.Timestamp("2026-03-02 00:40", tz="UTC")
CAUSE = "concept-worse-2026-02-28-v2"
FINDS_MORE, FINDS_LESS = (0.9, 0.05), (0.4, 0.05)


def moved(number, version, before=None):
    return AliasEvent(number, "champion", number, version, before, "a" * 64, 1, NOW, NOW, "ann", "why", None, {})


MOVES = [moved(1, "v1"), moved(2, "v2", "v1")]
WORSE = DriftDecision(
    1, "2026-03-01", "v2", "confirmed", "concept", "retrain", 6, CAUSE, (), {}, None, NOW, "automation", "worse", NOW,
    None,
)  # fmt: skip


def found(*decisions, moves=MOVES, now=NOW, **flagging):
    outcomes = market(**flagging) if flagging else market(v1=FINDS_MORE, v2=FINDS_LESS)
    return protection(decisions, moves, lambda *pair: compare_sequentially(outcomes, *pair, SETTINGS), now, 0.05)


def test_it_asks_for_the_version_before():
    asked = found(WORSE)
    assert isinstance(asked, Protection)
    assert (asked.request.version, asked.request.expected, asked.request.actor) == ("v1", "v2", "automation")
    assert asked.request.reason.startswith("v2 is worse than v1: the mean loss differs by +0.5")
    assert "95% interval" in asked.request.reason
    assert "valid at every look" in asked.request.reason
    assert "v1 held champion before." in asked.request.reason
    assert CAUSE in asked.request.reason
    assert asked.key == found(WORSE).key == f"protect-{CAUSE}-v2-v1"


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "watch"},
        {"state": "cooldown"},
        {"family": "data"},
        {"champion": "v1"},
        {"day": "2026-02-20"},
    ],
)
def test_without_a_present_champion_that_is_confirmed_worse_nothing_is_asked(changes):
    assert found(replace(WORSE, **changes)) is None
    assert found() is None
    assert found(WORSE, moves=[]) is None


def test_a_newer_decision_takes_it_back():
    assert found(WORSE, replace(WORSE, id=2, day="2026-03-02", state="stable")) is None
    assert found(WORSE, replace(WORSE, id=2, state="watch")) is None


def test_why_nothing_is_done_is_said():
    assert "No difference between v2 and v1 is shown" in found(WORSE, v1=FINDS_LESS, v2=FINDS_LESS)
    assert "not known to be worse than v1, the one before: v2 is better" in found(WORSE, v1=FINDS_LESS, v2=FINDS_MORE)
    assert "they scored no hour together" in found(WORSE, v2=FINDS_LESS)
    assert "no version held champion before" in found(WORSE, moves=[moved(1, "v2")])
    rolled_back = [*MOVES, moved(3, "v1", "v2")]
    assert "no version held champion before" in found(replace(WORSE, champion="v1"), moves=rolled_back)
