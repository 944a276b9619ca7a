"""Rollouts of a replay: decided each midnight on what was known by then, the same however often it is interrupted."""

from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path

import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.governance.rollout import looking
from mlreg_dagster.governance.rollout.labels import BURN_IN
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.replay import rollouts
from mlreg_dagster.replay.plan import CannotReplay, Replay
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster_tests import location
from mlreg_dagster_tests.extensions.conftest import plugin_folder, write_plugin
from mlreg_dagster_tests.lifecycle import CONFIGS, LIVE, Lifecycle
from mlreg_dagster_tests.serving.running import LONG

__all__ = ["plugin_folder", "write_plugin"]

pytestmark = pytest.mark.slow

_DAY = pd.Timedelta(days=1)
END = LIVE + 7 * _DAY
LATER = Clock(fixed=f"{END + 3 * _DAY:%Y-%m-%dT%H:%M}")
ROLLOUT = {
    "steps": ["shadow", "canary_25"],
    "dwell_hours": 24,
    "watch_hours": 24,
    "min_requests": 0,
    "min_pairs": 1,
    "require_not_worse": False,
}
WITH_ROLLOUT = {"promotion": {**CONFIGS.get("promotion", {}), "automatic": "passed", "low": {"rollout": ROLLOUT}}}


WITH_LABELS = {
    **WITH_ROLLOUT,
    "ingest": {"start": "2026-01-01", "universe": 60, "simulated": {"opens": "2025-12-15T00:00", "crashes": 2.0}},
    "promotion": {"automatic": "passed", "low": {"rollout": {**ROLLOUT, "watch_hours": 600, "max_hold_hours": 700}}},
    "evaluation": location.CONFIGS["evaluation"],
}
DAYS = 24
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


class Killed(Exception):
    """What ends a replay in the middle."""


def plan(world: Lifecycle, end: pd.Timestamp = END) -> Replay:
    return Replay(LIVE, end, 2, ("model",), world.settings.promotion, select="rollout")


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Lifecycle:
    world = Lifecycle(tmp_path_factory.mktemp("replay") / "world", WITH_ROLLOUT, clock=LATER)
    run_replay(world, plan(world), lambda *_: None)
    return world


def changes(world: Lifecycle) -> list[tuple[object, ...]]:
    history = world.registry.traffic_history("champion")
    return [(each.state, each.candidate, each.weight, each.ruling, each.effective_at) for each in history]


def test_a_candidate_goes_from_step_to_step_each_midnight(replayed: Lifecycle) -> None:
    history = replayed.registry.traffic_history("champion")
    assert len(history) > 4
    first = [each for each in history if each.rollout == history[0].rollout]
    assert [each.state for each in first] == ["staging", "shadow", "canary_25", "full", "closed"]
    assert all(as_hour(each.effective_at).hour == 0 for each in history)
    apart = [right.effective_at - left.effective_at for left, right in pairwise(first)]
    assert all(each >= _DAY for each in apart)
    assert replayed.registry.holder("champion", first[3].effective_at).version == first[0].candidate
    assert {each.actor for each in history} == {"replay"}


def test_hours_are_predicted_by_the_champion_of_each_and_by_the_candidate_beside_it(replayed: Lifecycle) -> None:
    predictions = replayed.warehouse.read(PREDICTIONS)
    for hour, part in predictions.groupby("hour"):
        champions = set(part.loc[part["role"] == "champion", "model_version"])
        assert champions == {replayed.registry.holder("champion", hour).version}
        split = replayed.registry.traffic("champion", hour)
        if split is not None and split.is_open and split.shadow:
            assert {split.champion, split.candidate} <= set(part["model_version"])


def test_the_same_is_decided_by_looks_that_know_nothing_of_later_hours(replayed: Lifecycle) -> None:
    """Each change is what the table says at its time, once everything that came later is there, too."""
    history = replayed.registry.traffic_history("champion")
    for event in history:
        if event.ruling not in ("advance", "roll_back"):
            continue
        labels = event.facts["labels"]
        rows = [each for each in history if each.rollout == event.rollout and each.sequence < event.sequence]
        matured = looking.read_outcomes(replayed.warehouse, rows, replayed.settings, event.effective_at)
        assert matured.pairs == labels["all_pairs"]
        assert (matured.comparison.difference if matured.comparison else None) == labels.get("difference")


@pytest.mark.skipif(not LONG, reason="takes minutes; MLREG_LONG=1 kills it, `test_run` kills one without rollouts")
def test_a_replay_killed_after_each_step_decides_the_same(
    replayed: Lifecycle, make_world: Callable[..., Lifecycle]
) -> None:
    world, attempts = make_world(None, configs=WITH_ROLLOUT, clock=LATER), 0
    while True:
        steps = count(1)

        def kill_at_fifth(step: str, _: pd.Timestamp, steps: Iterator[int] = steps) -> None:
            if next(steps) == 5 and step != "done":
                raise Killed

        try:
            run_replay(world, plan(world), kill_at_fifth)
            break
        except Killed:
            attempts += 1
            assert attempts < 60
    assert attempts > 3
    assert changes(world) == changes(replayed)


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
    for _ in range(DAYS):
        rollouts.step(inverted, at, lambda *_: None)
        if not rollouts.is_open_at(inverted, at):
            break
        inverted.run_hours(jobs.SCORING, hour_range(at, at + _DAY - HOUR))
        at += _DAY
    history = inverted.registry.traffic_history("champion")
    newest = history[-1]
    assert [each.state for each in history] == ["staging", "shadow", "canary_25", "full", "rolled_back"]
    assert newest.reason == "Matured outcomes show that the candidate is worse than the champion."
    assert newest.facts["labels"]["blocks"] >= BURN_IN
    assert newest.facts["labels"]["low"] > 0
    assert as_hour(newest.effective_at) == opened + (2 * newest.facts["labels"]["blocks"] + 1) * _DAY
    assert inverted.registry.holder("champion").version == "v1"


def test_a_policy_that_asks_for_requests_is_refused_with_what_to_do(tmp_path: Path) -> None:
    asking = {"promotion": {"low": {"rollout": {**ROLLOUT, "min_requests": 5}}}}
    world = Lifecycle(tmp_path / "world", asking, clock=LATER)
    with pytest.raises(CannotReplay, match="min_requests: 0"):
        run_replay(world, plan(world), lambda *_: None)
