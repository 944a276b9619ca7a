"""A real server whose candidate scores in the shadow: after the answers, counted, and gone with the rollout."""

import numpy as np
import pytest

from mlreg_dagster.serving.following.names import Bundle
from mlreg_dagster.serving.scoring.model import load
from mlreg_dagster.serving.scoring.thresholds import training_threshold
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.rollout_counts import ArmCounts, read_counts
from mlreg_dagster_tests.registry.builders import shift, split
from mlreg_dagster_tests.serving.following.test_served_moves import environment, rows
from mlreg_dagster_tests.serving.following.test_served_splits import INFER, body, follow, in_file, rolling, rollout_of
from mlreg_dagster_tests.serving.running import running
from mlreg_dagster_tests.waiting import wait_for

__all__ = ["body", "environment", "in_file", "rolling", "rows"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("in_file")]

ASKED = 40


def counted(home):
    """What the candidate did in the shadow, what was dropped, and what the champion answered."""
    periods = read_counts(home, "champion", 1).periods
    shadow = sum((each.shadow for each in periods), ArmCounts())
    return shadow, sum(each.shadow_dropped for each in periods), sum(each.champion.requests for each in periods)


def all_counted(home):
    """Whether each answer has been scored or dropped."""
    shadow, dropped, answered = counted(home)
    return shadow.requests + dropped == answered == ASKED


def test_the_candidate_scores_what_the_champion_answers_and_nothing_after_the_rollout(rolling, body, environment):
    configs = {"rollout": {"flush_seconds": 0.1}}
    with running(rolling.home, environment=environment, configs=configs) as server:
        follow(server, rolling, split("shadow", 0))
        for _ in range(ASKED):
            assert server.post(INFER, json=body).json()["model_version"] == "v1"
        wait_for(lambda: all_counted(rolling.home))
        shadow, dropped, _ = counted(rolling.home)
        for outcome, count in (("scored", shadow.requests), ("dropped", dropped)):  # told after it was counted
            told = f'mlreg_server_shadow_total{{outcome="{outcome}"}} {float(count)}'
            wait_for(lambda told=told: told in server.admin("/metrics").text)
        assert (shadow.errors, shadow.not_finite) == (0, 0)
        assert shadow.requests > 0
        assert shadow.cpu_seconds > 0
        candidate = load(open_artifacts(str(rolling.home / "artifacts")), version_of(rolling, "v2"), 16)
        X = np.array([values_of(body, candidate.features)], dtype=np.float64)
        flags = int(candidate.score(X)[0] > training_threshold(candidate).value)
        assert shadow.flagged == flags * shadow.rows
        shift(rolling.registry, split("rolled_back", 0, "roll_back"))
        wait_for(lambda: not rollout_of(server))
        for _ in range(10):
            assert server.post(INFER, json=body).json()["model_version"] == "v1"
        assert server.stop() == 0
    after, dropped_after, answered = counted(rolling.home)
    assert (after.requests, dropped_after, answered) == (shadow.requests, dropped, ASKED)
    assert [each.started for each in read_counts(rolling.home, "champion", 1).periods].count(True) == 1


def version_of(deployment, name):
    hashes = {each.version: each.artifact_sha256 for each in deployment.registry.versions()}
    return Bundle(name, hashes[name])


def values_of(body, features):
    """The row of a request, as a version takes it."""
    values = {each["name"]: each["data"][0] for each in body["inputs"]}
    return [np.nan if values[name] is None else values[name] for name in features]
