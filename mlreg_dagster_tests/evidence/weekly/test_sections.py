"""What the report says of versions, worth and flags, and how cells of its tables are made."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config import Settings
from mlreg_dagster.evidence.weekly import sections
from mlreg_dagster.evidence.weekly.week import week_of
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.outcomes.frames import START, predictions_of
from mlreg_dagster_tests.registry.builders import BAD, evaluate, move, register, resume, roll_out, shift, split, suspend

WEEK = week_of(START)
DAY = timedelta(days=1)


@pytest.fixture
def tables(tmp_path):
    return DuckDBWarehouse(tmp_path / "tables.duckdb")


@pytest.fixture
def registry(tmp_path):
    return Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}", lambda: ({}, WEEK.first - 30 * DAY))


def test_what_is_not_known_is_an_empty_cell_in_every_column():
    frame = pd.DataFrame({"text": ["a", None], "number": [np.nan, 1.5], "count": pd.array([1, None], dtype="Int64")})
    assert sections.records(frame) == [
        {"text": "a", "number": None, "count": 1},
        {"text": None, "number": 1.5, "count": None},
    ]
    assert (sections.rounded(None), sections.rounded(0.12345)) == (None, 0.123)


def test_versions_and_moves_are_those_of_the_week_and_the_champion_is_that_of_its_end(registry):
    register(registry, "v1", created_at=WEEK.first - DAY)
    evaluate(registry, "v1", recorded_at=WEEK.first - DAY)
    move(registry, "v1", None, WEEK.first - DAY, time=WEEK.first - DAY)
    register(registry, "v2", created_at=WEEK.first + DAY)
    evaluate(registry, "v2", BAD, recorded_at=WEEK.first + DAY)
    found = sections.versions(registry, WEEK)
    assert found.text == (
        "Champion at the end of the week: v1. Versions trained: 1. Moves of aliases: 0. Rollouts: none."
    )
    assert [row["what"] for row in found.rows] == ["v2 trained (isolation_forest), rejected"]
    assert "failed score_gap" in found.rows[0]["why"]
    assert found.state == "in order"
    before = sections.versions(registry, week_of(WEEK.first - DAY))
    assert [row["what"].split(" (")[0] for row in before.rows] == ["champion: none to v1", "v1 trained"]


def test_rollouts_of_the_week_are_told_with_their_last_state(registry):
    for version in ("v1", "v2"):
        register(registry, version, created_at=WEEK.first - DAY)
        evaluate(registry, version, recorded_at=WEEK.first - DAY)
    move(registry, "v1", None, WEEK.first - DAY, time=WEEK.first - DAY)
    roll_out(registry, "v2", time=WEEK.first + DAY)
    shift(registry, split(), time=WEEK.first + 2 * DAY)
    shift(registry, split("rolled_back", 0, "roll_back"), time=WEEK.first + 8 * DAY)
    found = sections.versions(registry, WEEK)
    assert found.text.endswith("Moves of aliases: 0. Rollouts: v2 canary 5.")
    assert [row["what"] for row in found.rows] == [
        "rollout of v2: staging, 0 % of champion",
        "rollout of v2: canary 5, 5 % of champion",
    ]


def test_a_week_without_a_champion_needs_attention(registry):
    assert sections.versions(registry, WEEK).state == "needs attention"


def write(tables, flagged, role="champion", **more):
    rows = [
        {
            "at": number,
            "instrument_id": "a",
            "role": role,
            "is_anomaly": number in flagged,
            "score": 2.0 * (number in flagged),
            **more,
        }
        for number in range(24)
    ]
    frame = predictions_of(rows)
    tables.write(PREDICTIONS, frame, list(frame["hour"].unique()))


@pytest.mark.parametrize(("flagged", "state"), [(2, "in order"), (0, "needs attention"), (20, "needs attention")])
def test_a_flagged_share_is_held_against_the_limits_of_the_gate(tables, flagged, state):
    write(tables, set(range(flagged)))
    found = sections.flags(tables, WEEK, Settings())
    assert found.state == state
    assert found.rows[0]["share"] == f"{flagged / 24:.1%}"
    assert found.picture.startswith("![")


@pytest.mark.parametrize("other", [{"role": "challenger"}, {"in_sample": True}])
def test_what_is_no_prediction_of_a_champion_out_of_sample_counts_for_nothing(tables, other):
    write(tables, {1}, **other)
    assert sections.flags(tables, WEEK, Settings()).state == "unknown"


def test_without_outcomes_worth_is_unknown(tables):
    assert sections.worth(tables, WEEK, Settings()).state == "unknown"


def test_suspensions_are_those_of_the_week_and_one_that_holds_at_its_end_needs_attention(registry):
    register(registry, "v1", created_at=WEEK.first - DAY)
    evaluate(registry, "v1", recorded_at=WEEK.first - DAY)
    move(registry, "v1", None, WEEK.first - DAY, time=WEEK.first - DAY)
    suspend(registry, time=WEEK.first + DAY)
    found = sections.versions(registry, WEEK)
    assert "At its end champion is suspended since" in found.text
    assert found.is_good is False
    resume(registry, time=WEEK.first + 2 * DAY)
    found = sections.versions(registry, WEEK)
    assert ("suspended" in found.text, found.is_good) == (False, True)
    what = [row["what"] for row in found.rows]
    assert what == ["champion suspended, held by v1", "champion resumed, held by v1"]
