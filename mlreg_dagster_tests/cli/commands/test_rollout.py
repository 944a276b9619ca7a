"""Rollouts on the command line: what was, what is, and what people may do about it."""

import json
import re

import pandas as pd
import pytest

from mlreg_dagster_tests.commands import refused
from mlreg_dagster_tests.registry.builders import roll_out, shift, split
from mlreg_dagster_tests.repository import PROJECT_DIR

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


WHY = ("--reason", "a third of the false alarms")


def test_a_rollout_is_started_paused_resumed_and_aborted(on_trained, registry):
    refused(on_trained("rollout", "start", "v2", *WHY), "No version holds champion")
    assert on_trained("promote", "v1", *WHY).code == 0
    refused(on_trained("rollout", "start", "v3", *WHY), "v3 failed its latest evaluation")
    refused(on_trained("rollout", "abort", *WHY), "No rollout of champion is open")
    found = json.loads(on_trained("rollout", "start", "latest-1", *WHY, "--json").out)
    assert set(found) == documented("rollout start")
    assert (found["split"]["candidate"], found["split"]["state"], found["split"]["actor"]) == ("v2", "staging", "anna")
    assert set(found["split"]) == set(found["changes"][0]) == documented("split", last=True)
    assert set(found["decision"]) == documented("decision", last=True) - {"advance", "hold", "roll_back"}
    assert (found["decision"]["ruling"], found["decision"]["state"]) == ("hold", "staging")
    assert "no server has written counts" in found["decision"]["reason"]
    refused(on_trained("rollout", "start", "v2", *WHY), "A rollout of champion is open: change 1, v2 against v1")
    refused(on_trained("rollout", "pause", *WHY, "--expected", "7"), "change 7 was expected to be the newest")
    paused = json.loads(on_trained("rollout", "pause", *WHY, "--json").out)
    assert (paused["decision"]["ruling"], paused["decision"]["paused"]) == ("hold", True)
    shown = on_trained("rollout", "status").out
    assert "v2 is rolled out in place of v1: staging, 0 % of the traffic of champion" in shown
    assert "of the table: hold. It waits: paused by a person" in shown
    assert "serving.evidence.errors" in shown
    assert on_trained("rollout", "resume", *WHY).code == 0
    aborted = on_trained("rollout", "abort", "--reason", "customers complain", "--actor", "bert")
    assert "The rollout of v2 in place of v1 was rolled back" in aborted.out
    assert [(each.ruling, each.actor) for each in registry.traffic_history("champion")] == [
        ("open", "anna"),
        ("pause", "anna"),
        ("resume", "anna"),
        ("abort", "bert"),
    ]
    ended = json.loads(on_trained("rollout", "status", "--json").out)
    assert (ended["decision"], ended["figures"], len(ended["changes"])) == (None, None, 4)


def test_where_no_rollout_was_started_the_status_says_so(on_trained):
    assert on_trained("rollout", "status").out == "No rollout of champion was ever started.\n"


def documented(name, last=False):
    lines = (PROJECT_DIR / "docs" / "json.md").read_text(encoding="utf-8").splitlines()
    rows = (line.split("|") for line in (reversed(lines) if last else lines) if line.startswith("|"))
    cells = next(cells for cells in rows if f"`{name}`" in cells[1])
    return set(re.findall(r"`([a-z_0-9]+)`", cells[2])) - {"null"}
