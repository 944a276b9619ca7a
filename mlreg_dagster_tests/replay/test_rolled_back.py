"""A version that finds the opposite of what it should is rolled back in a replay, once outcomes have matured."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.governance.rollout.labels import BURN_IN
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster.replay import rollouts
from mlreg_dagster.replay.plan import Replay
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster_tests import location
from mlreg_dagster_tests.extensions.conftest import plugin_folder, write_plugin
from mlreg_dagster_tests.lifecycle import LIVE, Lifecycle
from mlreg_dagster_tests.replay.test_rollouts import ROLLOUT

__all__ = ["plugin_folder", "write_plugin"]

pytestmark = pytest.mark.slow

_DAY = pd.Timedelta(days=1)
WITH_LABELS = {
    "ingest": {"start": "2026-01-01", "universe": 60, "simulated": {"opens": "2025-12-15T00:00", "crashes": 2.0}},
    "promotion": {"automatic": "passed", "low": {"rollout": {**ROLLOUT, "watch_hours": 600, "max_hold_hours": 700}}},
    "evaluation": location.CONFIGS["evaluation"],
}
DAYS = 16
_OF_ONE_CHANGE = {"features": ["change_24h_pct", "change_1h_pct"], "whiten": False}
INVERTED = """
import numpy as np
from mlreg_dagster.extensions import detector

@detector("moved")
class Moved:
    sign = 1

    def fit(self, X): pass

    def score(self, X):
        return self.sign * np.abs(X[:, 0])

@detector("inverted")
class Inverted(Moved):
    sign = -1
"""


@pytest.fixture
def inverted(write_plugin: Callable[..., str], tmp_path: Path) -> Lifecycle:
    """v1 flags what moved most within a day, v2 what moved least; both passed lenient gates."""
    module = write_plugin("inverted_detector", INVERTED)
    world = Lifecycle(
        tmp_path / "world",
        {
            **WITH_LABELS,
            "extensions": {"modules": [module]},
            "model": {"detector": "moved", **_OF_ONE_CHANGE},
            "model_inverted": {"detector": "inverted", **_OF_ONE_CHANGE},
        },
        clock=Clock(fixed=f"{LIVE + 30 * _DAY:%Y-%m-%dT%H:%M}"),
    )
    first = Replay(LIVE, LIVE + _DAY, 1, ("model",), world.settings.promotion)
    run_replay(world, first, lambda *_: None)
    version = world.retrain({"model": "model_inverted", "actor": "ann"})
    assert world.registry.latest_evaluation(version).passed
    return world


def test_an_inverted_version_is_rolled_back_at_the_first_valid_look_at_outcomes(inverted: Lifecycle) -> None:
    at = LIVE + _DAY
    rollouts.start(inverted, "v2", "it passed its gates", at, lambda *_: None)
    opened = at
    inverted.run_hours(jobs.MARKET, hour_range(at, at + DAYS * _DAY - HOUR))
    scored_until = at
    for _ in range(DAYS):
        rollouts.step(inverted, at, lambda *_: None)
        if not rollouts.is_open_at(inverted, at):
            break
        if (
            at == scored_until
        ):  # who scores stays the same once all is the candidate's; looks know nothing of later hours
            days = 4 if inverted.registry.traffic("champion").state == "full" else 1
            scored_until = min(at + days * _DAY, opened + DAYS * _DAY)
            inverted.run_hours(jobs.SCORING, hour_range(at, scored_until - HOUR))
        at += _DAY
    history = inverted.registry.traffic_history("champion")
    newest = history[-1]
    assert [each.state for each in history] == ["staging", "shadow", "canary_25", "full", "rolled_back"]
    assert newest.reason == "Matured outcomes show that the candidate is worse than the champion."
    assert newest.facts["labels"]["blocks"] >= BURN_IN
    assert newest.facts["labels"]["low"] > 0
    assert as_hour(newest.effective_at) == opened + (2 * newest.facts["labels"]["blocks"] + 1) * _DAY
    assert inverted.registry.holder("champion").version == "v1"
