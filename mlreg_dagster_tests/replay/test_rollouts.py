"""Rollouts of a replay: decided each midnight on what was known by then, the same however often it is interrupted."""

from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path

import pandas as pd
import pytest

from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.governance.rollout import looking
from mlreg_dagster.orchestration.resources import Clock
from mlreg_dagster.outcomes.schema import PREDICTIONS
from mlreg_dagster.replay.plan import CannotReplay, Replay
from mlreg_dagster.replay.run import run_replay
from mlreg_dagster_tests.lifecycle import CONFIGS, LIVE, Lifecycle
from mlreg_dagster_tests.serving.running import LONG

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


@pytest.mark.skipif(not LONG, reason="takes minutes; MLREG_LONG=1 kills it, `test_killed_replay` one without rollouts")
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


def test_a_policy_that_asks_for_requests_is_refused_with_what_to_do(tmp_path: Path) -> None:
    asking = {"promotion": {"low": {"rollout": {**ROLLOUT, "min_requests": 5}}}}
    world = Lifecycle(tmp_path / "world", asking, clock=LATER)
    with pytest.raises(CannotReplay, match="min_requests: 0"):
        run_replay(world, plan(world), lambda *_: None)
