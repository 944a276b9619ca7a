"""A/B tests on the command line: what start asks for, and the report of a rollout."""

import json

import pandas as pd
import pytest

from mlreg_dagster.governance.rollout.states import ABTest
from mlreg_dagster_tests.commands import refused
from mlreg_dagster_tests.registry.builders import Attribution, shift, split

OPENED = pd.Timestamp("2026-01-06T00:00", tz="UTC")


@pytest.fixture
def tested(on_live, registry):
    """v1 is tested against v2 for a day."""
    opening = split("staging", 0, "open", base_rate=0.02, **ABTest(5_000, 1).facts)
    by = Attribution("bob", OPENED, "which is better")
    registry.open_rollout("champion", "v1", opening, by, salt="s", expected="v2")
    shift(registry, split("ab", 5_000), time=OPENED)
    over = split("finished", 0, "finish")
    shift(registry, over, time=OPENED + pd.Timedelta(days=1), reason="The days of the A/B test are over.")
    return on_live


def test_the_report_tells_how_it_ended_and_what_each_version_did(tested, tmp_path):
    page = tmp_path / "new" / "ab.html"
    found = json.loads(tested("rollout", "report", "--json", "--html", str(page)).out)
    report = found["report"]
    assert (report["rollout"], report["state"], report["test"]) == (1, "finished", {"weight": 5_000, "days": 1})
    assert [each["version"] for each in report["arms"]] == ["v1", "v2"]
    assert report["finding"] == "too early"
    assert [each["state"] for each in found["changes"]] == ["staging", "ab", "finished"]
    assert found["file"] == str(page)
    assert found["answers"] == []
    text = page.read_text()
    assert "A/B test 1 of champion: v1 against v2" in text
    assert "The days of the A/B test are over." in text
    assert "No server has followed it." in text
    assert "<img" in text


def test_people_get_the_same_as_tables_and_a_sentence(tested):
    said = tested("rollout", "report", "1").out
    assert "The A/B test of v1 against v2 has ended, since 2026-01-07 00:00 UTC: The days of the A/B test are" in said
    assert "Too early: 0 of 7 blocks of two days have known outcomes." in said
    assert "No server has followed it." in said


def test_a_rollout_that_was_never_started_is_named(tested):
    refused(tested("rollout", "report", "7"), "champion has no rollout 7. The numbers of its rollouts are 1.")
    refused(tested("rollout", "report", "--alias", "other"), "No rollout of other was ever started.")


def test_weight_and_days_ask_for_a_test(on_live):
    for option in (["--weight", "5"], ["--days", "3"]):
        refused(on_live("rollout", "start", "v1", "--reason", "is it better", *option), "belong to an A/B test")
