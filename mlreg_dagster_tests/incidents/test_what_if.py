"""Another version over the champion's hours: as if the graph had scored it, with nothing written."""

import hashlib
import json
from dataclasses import asdict

import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.governance.promotion.champion_challenger import challenge
from mlreg_dagster.incidents.what_if import NothingToCompare, what_if
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES
from mlreg_dagster.outcomes.worth.counts import counts_by_day
from mlreg_dagster.outcomes.worth.verdict import crashes_of, worth_of_counts
from mlreg_dagster.storage.warehouse.reader import WarehouseReader
from mlreg_dagster_tests.commands import refused
from mlreg_dagster_tests.lifecycle import DUE, DUE_HOURS, LIVE, LIVE_HOURS, NOON

OVER = f"{LIVE:%Y-%m-%dT%H:%M}..{LIVE_HOURS[-1]:%Y-%m-%dT%H:%M}"


def ask(world, version="v3", first=LIVE, last=LIVE_HOURS[-1]):
    with WarehouseReader(world.home / "warehouse.duckdb").tables() as tables:
        model = world.registry.resolve(version)
        return what_if(model, first, last, world.registry, tables, world.artifacts, world.settings)


@pytest.mark.slow
@pytest.mark.parametrize(("version", "first"), [("v1", LIVE), ("v1", NOON), ("v3", LIVE)])
def test_it_equals_a_recomputation_by_the_graph(live, version, first):
    """v1 is champion itself until noon, and its thresholds of the afternoon look back on that; v3 never was."""
    asked = ask(live, version, first)
    hours = LIVE_HOURS[first <= LIVE_HOURS]
    live.run_hours("predictions_only", hours, {"ops": {"predictions": {"config": {"versions": [version]}}}})
    live.run_hours("outcomes_only", DUE_HOURS)
    rows = live.warehouse.read(PREDICTION_OUTCOMES)
    rows = rows[rows["prediction_hour"] >= first]
    champions = rows[rows["role"] == CHAMPION].assign(model_version=CHAMPION)
    own = rows[rows["model_version"] == version]
    assert len(own) == len(champions) == asked.sides[0].predictions
    both = pd.concat([champions, own])
    settings = live.settings.outcomes.worth
    counts = counts_by_day(both, version, CHAMPION, settings.budget, until=DUE)
    worth = worth_of_counts(version, {CHAMPION: counts}, crashes_of(both, version), DUE, settings)
    assert asked.at_budget == worth.comparisons[0]
    assert asked.as_flagged == challenge(both, version, CHAMPION, live.settings.evaluation.comparison)
    assert asked.at_budget.pairs == len(own)
    assert [side.flagged for side in asked.sides] == [int(each["is_anomaly"].sum()) for each in (own, champions)]


def test_it_is_the_same_in_pieces(live):
    whole = ask(live, "v1")
    small = live.settings.ingest.model_copy(update={"chunk_hours": 5})
    live.settings = live.settings.model_copy(update={"ingest": small})
    assert ask(live, "v1") == whole


def test_it_leaves_the_home_as_it_was(on_live, own_home):
    def bytes_of_home():
        return {
            path.relative_to(own_home): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in own_home.rglob("*")
            if path.is_file() and path.name != "warehouse.lock.json"  # names who looked last
        }

    before = bytes_of_home()
    answer = on_live("what-if", "v3", "--over", OVER, "--json")
    found = json.loads(answer.out)
    assert (answer.code, found["version"], found["champions"]) == (0, "v3", ["v1", "v2"])
    assert found["at_budget"]["pairs"] == found["sides"][1]["predictions"] > 0
    assert on_live("impact", "2026-01-03T05:00", "--json").code == 0
    assert bytes_of_home() == before


def test_it_is_shown_to_people(on_live):
    shown = on_live("what-if", "v3", "--over", OVER)
    assert (shown.code, shown.err) == (0, "")
    for words in ("v3 in place of v1, v2", "At the same flag budget", "predictions due", "average precision"):
        assert words in shown.out
    shown = on_live("impact", "2026-01-03T05:00", "--instrument", "sim-003")
    assert shown.code == 0
    for words in (
        "Frozen datasets on 2026-01-03 05:00 UTC, sim-003",
        "Reigns",
        "Thresholds are followed for one window",
    ):
        assert words in shown.out


def test_a_question_without_an_answer_is_refused(on_live, own_home):
    refused(on_live("what-if", "v3", "--over", "2026-01-05T00:00"), "write FIRST..LAST")
    refused(on_live("what-if", "v3", "--over", "2026-01-06T00:00..2026-01-05T00:00"), "lies before the first")
    refused(on_live("what-if", "v3", "--over", "2026-01-02T00:00..2026-01-02T05:00"), "No champion predicted")
    refused(on_live("impact", "yesterday"), "is not a time")
    refused(on_live("impact", "2026-01-03T05:00", "--instrument", "sim-3"), "sim-3 is in no hour of the tables")
    (own_home / "warehouse.duckdb").unlink()
    refused(on_live("impact", "2026-01-03T05:00"), "There are no tables")


def test_hours_that_are_not_due_are_left_out(live):
    with pytest.raises(NothingToCompare):
        ask(live, first=DUE, last=DUE + HOUR)
    whole = ask(live)
    live.warehouse.query("DELETE FROM market_snapshot WHERE hour >= $end", {"end": DUE_HOURS[-3]})
    found = ask(live)
    assert whole.not_due == 0
    assert found.not_due > 0
    assert found.sides[1].predictions + found.not_due == whole.sides[1].predictions
    assert asdict(found)["at_budget"]["pairs"] < whole.at_budget.pairs
