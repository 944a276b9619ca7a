"""The card says how the version stands with drift, by the newest day that was judged while it was champion."""

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from mlreg_dagster.evidence.card.drift import NOT_JUDGED, drift_facts, drift_remarks, newest_decision
from mlreg_dagster.monitoring.response.decisions import Decision
from mlreg_dagster.monitoring.response.stored import DRIFT_DECISIONS, rows_of
from mlreg_dagster_tests.monitoring.response.days import QUIET


def decide(world, day, champion, state, *reasons):
    decided = Decision(
        facts=replace(QUIET, day=day, champion=champion), training="none", row=0, state=state, family=None,
        action="none", alerts=(), protects=False, cause=None, waited_for=None, leave_out=(), reasons=reasons,
    )  # fmt: skip
    world.warehouse.write(DRIFT_DECISIONS, rows_of([decided]), [pd.Timestamp(day, tz="UTC")])


def remarks(world, version):
    decision = newest_decision(world.warehouse, version)
    return drift_remarks(decision, world.registry.aliases(), version)


def test_a_champion_of_which_no_day_was_judged_is_not_known(live):
    live.warehouse.write(DRIFT_DECISIONS, DRIFT_DECISIONS.empty(), live.warehouse.partitions(DRIFT_DECISIONS))
    assert remarks(live, "v2") == ([], [NOT_JUDGED])
    assert remarks(live, "v1") == ([], [])  # no champion


@pytest.mark.parametrize("state", ["watch", "confirmed", "responding"])
def test_what_drifts_speaks_against_the_champion(live, state):
    decide(live, date(2026, 1, 7), "v2", state, "It drifts.", "predictions: v2 flagged 66 %.")
    against, unknown = remarks(live, "v2")
    assert against == [f"Drift on 2026-01-07: {state}. It drifts. predictions: v2 flagged 66 %."]
    assert unknown == []


def test_a_later_day_of_the_same_champion_counts_and_one_of_another_does_not(live):
    decide(live, date(2026, 1, 7), "v2", "confirmed", "It drifts.")
    decide(live, date(2026, 1, 8), "v2", "stable")
    decide(live, date(2026, 1, 9), "v1", "watch", "It drifts.")
    assert remarks(live, "v2") == ([], [])
    (fact,) = drift_facts(newest_decision(live.warehouse, "v2"))
    assert fact.values["day"] == "2026-01-08"
    assert fact.values["state"] == "stable"


def test_a_day_without_enough_evidence_is_not_known(live):
    decide(live, date(2026, 1, 7), "v2", "unknown", "There is too little evidence to judge the day.")
    against, unknown = remarks(live, "v2")
    assert (against, len(unknown)) == ([], 1)
