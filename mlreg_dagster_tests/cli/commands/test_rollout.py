"""Rollouts on the command line: what was, what is, and what people may do about it."""

import json

import pandas as pd
import pytest

from mlreg_dagster_tests.registry.builders import roll_out, shift, split

OPENED = pd.Timestamp("2026-01-07T00:00", tz="UTC")
LATER = OPENED + pd.Timedelta(hours=6)


@pytest.fixture
def opened(on_live, registry):
    """v1 is rolled out in place of v2, and gets 5 % six hours later."""
    roll_out(registry, "v1", time=OPENED)
    shift(registry, split(), time=LATER)
    return on_live


@pytest.mark.parametrize(
    ("as_of", "state", "weight"),
    [("2026-01-06T23:59", None, None), ("2026-01-07T05:59", "staging", 0), ("2026-01-07T06:00", "canary_5", 500)],
)
def test_the_champion_as_of_a_time_comes_with_the_split_of_then(opened, as_of, state, weight):
    found = json.loads(opened("champion", "--as-of", as_of, "--json").out)
    assert [move["version"] for move in found["moves"]] == ["v2"]
    split = found["split"]
    assert (split and split["state"], split and split["weight"]) == (state, weight)


def test_people_are_told_the_split_in_a_sentence(opened):
    said = "v1 is rolled out in place of v2: canary 5, 5 % of the traffic of champion, since 2026-01-07 06:00 UTC."
    assert said in opened("champion").out
    assert said in opened("status").out
    assert "is rolled out" not in opened("champion", "--as-of", "2026-01-06T23:59").out


def test_history_lists_every_change_of_the_traffic(opened, registry):
    shift(registry, split("rolled_back", 0, "roll_back"), time=LATER, reason="12 of 60 seconds had an error")
    found = json.loads(opened("history", "--json").out)
    assert [each["state"] for each in found["traffic"]] == ["staging", "canary_5", "rolled_back"]
    assert found["traffic"][0]["facts"] == {"asked": True}
    shown = opened("history").out
    assert "12 of 60 seconds had an error" in shown
    assert "canary_5" in shown
    status = json.loads(opened("status", "--json").out)
    assert status["rollouts"] == []


def test_without_a_rollout_nothing_is_said_of_one(on_live):
    assert "ollout" not in on_live("history").out
    assert json.loads(on_live("history", "--json").out)["traffic"] == []
