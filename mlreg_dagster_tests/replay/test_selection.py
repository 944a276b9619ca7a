"""Challengers mature in the shadow; only their outcomes make one of them champion."""

from dataclasses import dataclass
from types import SimpleNamespace

import pandas as pd
import pytest

from mlreg_dagster.config import ModelSettings, PromotionSettings
from mlreg_dagster.governance.promotion.automatic import may_promote
from mlreg_dagster.outcomes.schema import PREDICTION_OUTCOMES, PREDICTIONS
from mlreg_dagster.outcomes.worth.schema import MODEL_WORTH
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster.replay.selection import better_challenger, shadows
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.lifecycle import LIVE, Lifecycle
from mlreg_dagster_tests.outcomes.worth.days import DAY, DAYS, FIRST, SETTINGS, counted_in, days_from, market
from mlreg_dagster_tests.replay.small import SMALL

FOREST, FACTOR = ModelSettings(), ModelSettings(detector="local_outlier_factor")
MODELS = {"model": FOREST, "model_lof": FACTOR}


@dataclass
class Records:
    """A registry's answers: versions as (name, settings, dataset day, passed), and the champions."""

    rows: list
    champions: dict

    def versions(self):
        return [
            SimpleNamespace(version=name, manifest={"settings": settings.model_dump(mode="json")}, dataset_day=day)
            for name, settings, day, _ in self.rows
        ]

    def latest_evaluation(self, version):
        passed = next(passed for name, _, _, passed in self.rows if name == version)
        return None if passed is None else SimpleNamespace(passed=passed)

    def history(self, _):
        return [SimpleNamespace(version=name, effective_at=since) for name, since in self.champions.items()]


def at(day):
    return pd.Timestamp(day, tz="UTC")


def test_the_newest_version_of_each_file_that_may_is_its_challenger():
    rows = [
        ("v1", FOREST, "2026-01-04", True),
        ("v2", FOREST, "2026-01-11", True),
        ("v3", FACTOR, "2026-01-11", True),
        ("v4", FACTOR, "2026-01-18", False),  # failed its gates
        ("v5", FOREST, "2026-01-18", None),  # not evaluated yet
        ("v6", FOREST, "2026-02-01", True),  # trained later
    ]
    records = Records(rows, {"v1": at("2026-01-05")})
    assert shadows(records, MODELS, at("2026-01-19"), 84) == {"model": "v2", "model_lof": "v3"}
    assert shadows(records, MODELS, at("2026-01-05"), 84) == {}  # v1 is the champion
    assert shadows(records, MODELS, at("2026-02-02"), 84, before=True) == {"model": "v2", "model_lof": "v3"}
    assert shadows(records, MODELS, at("2026-02-02"), 84)["model"] == "v2"  # which is still maturing
    assert shadows(records, MODELS, at("2026-02-02"), 21)["model"] == "v6"


def test_a_challenger_gives_way_after_its_time_and_the_next_one_follows_without_a_gap():
    records = Records([("v1", FOREST, "2026-01-04", True)], {})
    assert shadows(records, MODELS, at("2026-01-18"), 14, before=True) == {"model": "v1"}
    assert shadows(records, MODELS, at("2026-01-19"), 14, before=True) == {}  # so that one is trained now
    records.rows.append(("v2", FOREST, "2026-01-18", True))
    assert shadows(records, MODELS, at("2026-01-19"), 14) == {"model": "v2"}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """v1 is champion for ten days, then v2, which finds many more crashes, replaces it; outcomes of a month."""
    tables = DuckDBWarehouse(tmp_path_factory.mktemp("home") / "warehouse.duckdb")
    outcomes, days = market(), days_from(1, DAYS)
    outcomes["role"] = outcomes["role"].where(~outcomes["model_version"].isin(["v1", "v2"]), "champion")
    outcomes.loc[outcomes["model_version"] == "v2", "role"] = "requested"
    tables.write(PREDICTION_OUTCOMES, outcomes, pd.DatetimeIndex(outcomes["hour"].unique()))
    tables.write(MODEL_WORTH, counted_in([days], outcomes), days)
    return tables


def test_the_challenger_whose_outcomes_are_better_is_named_with_the_reason(tables):
    version, why = better_challenger(tables, {"model": "v9", "model_lof": "v2"}, FIRST + (DAYS + 1) * DAY, SETTINGS)
    assert version == "v2"
    assert "better than the champion on" in why


def test_outcomes_that_fall_due_later_promote_nobody(tables):
    assert better_challenger(tables, {"model_lof": "v2"}, FIRST + 8 * DAY, SETTINGS) is None
    assert better_challenger(tables, {"model": "v9"}, FIRST + (DAYS + 1) * DAY, SETTINGS) is None


@pytest.mark.slow
def test_a_replay_by_outcomes_shadows_and_keeps_its_champion_until_told_apart(tmp_path):
    world = Lifecycle(tmp_path / "world", SMALL)
    end = LIVE + pd.Timedelta(days=2)
    policy = PromotionSettings(automatic="passed")
    plan = Replay(LIVE, end, period_days=1, models=("model", "model_lof"), policy=policy, select="outcomes")
    run_replay(world, plan, lambda *_: None)
    (move,) = world.registry.history("champion")
    predictions = world.warehouse.read(PREDICTIONS)
    requested = predictions[predictions["role"] == "requested"]
    assert set(requested["model_version"]) & {each.version for each in world.registry.versions()}
    assert move.version not in set(requested["model_version"])
    newest = world.registry.latest_evaluation(world.registry.versions()[-1].version)
    assert newest.version != move.version
    assert may_promote(newest, move, policy)[0]  # and is promoted where evaluations select
