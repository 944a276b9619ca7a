"""Versions of a replay: trained for a cause, or waiting for people."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.config import PromotionSettings
from mlreg_dagster.core.hours import HOUR, day_key, hour_range
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.replay.champions import retrain
from mlreg_dagster.replay.report import make_report
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster_tests.lifecycle import DATASET_DAY, LIVE, Lifecycle
from mlreg_dagster_tests.replay.small import SMALL
from mlreg_dagster_tests.replay.test_run import PLAN, moves

pytestmark = pytest.mark.slow


def test_a_training_for_a_cause_states_it_and_the_policy_of_the_replay_decides(
    make_world: Callable[..., Lifecycle],
) -> None:
    world, by_hand = make_world(None, configs=SMALL), replace(PLAN, policy=PromotionSettings(automatic="never"))
    world.run_hours(jobs.MARKET, hour_range(world.settings.ingest.first_hour, LIVE - HOUR))
    why = {"trigger": "drift", "cause": "data-sudden-2026-01-04-v1", "reason": "volatility has doubled"}
    retrain(world, by_hand, LIVE, lambda *_: None, why)
    (version,) = world.registry.versions()
    assert version.manifest["cause"] == {"trigger": "drift", "key": why["cause"], "reason": why["reason"]}
    assert version.dataset_day == day_key(DATASET_DAY)
    assert world.registry.status(version.version) == "evaluated"
    assert moves(world) == []
    retrain(world, PLAN, LIVE, lambda *_: None, why)  # the policy of the replay decides
    assert [moved for moved, _, _ in moves(world)] == [version.version]


def test_a_version_that_waits_for_approvals_does_not_stop_a_replay(make_world: Callable[..., Lifecycle]) -> None:
    world = make_world(None, configs={**SMALL, "promotion": {"low": {"approvals": 1}}})
    told: list[str] = []
    plan = replace(PLAN, end=LIVE + pd.Timedelta(days=1), policy=world.settings.promotion)
    run_replay(world, plan, lambda step, _: told.append(step))
    assert "v1 has to wait: 0 of 1 approvals are there" in told
    assert (told[-1], moves(world)) == ("done", [])
    assert len(world.warehouse.read(PREDICTIONS)) == 0
    page = make_report(world, plan)
    assert "No version was champion." in page
    assert "No prediction of a champion has an outcome." in page
