"""Shadow scoring: the candidate scores what was answered, in bounded room and time, and never into a request."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlreg_dagster.serving.metrics import ServerMetrics
from mlreg_dagster.serving.online.latest import NoLatestHour
from mlreg_dagster.serving.rollout.counts import ArmCounter
from mlreg_dagster.serving.rollout.shadow import ShadowQueue
from mlreg_dagster.serving.scoring.model import NoFiniteScore
from mlreg_dagster.serving.scoring.thresholds import Threshold
from mlreg_dagster.storage.rollout_counts import ArmCounts, CountedPeriod, read_counts
from mlreg_dagster_tests.serving.rollout.splits import FEATURES, SETTINGS, Model, served
from mlreg_dagster_tests.waiting import PATIENCE_S, wait_for


class World:
    """A queue with its counter."""

    def __init__(self, home: Path, size: int = 8, latest: Any = None) -> None:
        self.home, self.metrics = home, ServerMetrics()
        self.counter = ArmCounter(home, SETTINGS, lambda: [served()], self.metrics)
        self.queue = ShadowQueue(self.counter, self.metrics, size, latest)

    def told(self, outcome: str) -> int:
        """What the metric says."""
        text = self.metrics.exposition().decode()
        start = f'mlreg_server_shadow_total{{outcome="{outcome}"}} '
        return int(float(next(line for line in text.splitlines() if line.startswith(start))[len(start) :]))

    def counted(self) -> tuple[ArmCounts, int]:
        """What the candidate did in the shadow, and what was dropped."""
        self.queue.stop()
        self.counter.close()
        periods: tuple[CountedPeriod, ...] = read_counts(self.home, "champion", 4).periods
        return sum((each.shadow for each in periods), ArmCounts()), sum(each.shadow_dropped for each in periods)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.queue.start()
    yield made
    made.queue.stop()


def answer(rows: int = 2, instruments: tuple[str, ...] | None = None) -> Any:
    X = np.arange(rows * len(FEATURES), dtype=np.float64).reshape(rows, -1)
    return SimpleNamespace(X=X, scores=X.sum(axis=1), instruments=instruments)


class Failing(Model):
    """A candidate that can't score."""

    def __init__(self, error: Exception) -> None:
        super().__init__("v8")
        self.error = error

    def score(self, _: NDArray[np.float64]) -> NDArray[np.float64]:
        raise self.error


class Waiting(Model):
    """A candidate that scores when it may."""

    def __init__(self) -> None:
        super().__init__("v8")
        self.begun, self.may = threading.Event(), threading.Event()

    def score(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        self.begun.set()
        self.may.wait(PATIENCE_S)
        return super().score(X)


def test_the_candidate_scores_what_the_champion_answered_by_its_own_threshold(world: World) -> None:
    candidate = Model("v8", factor=2.0)
    candidate.training_threshold = 7.0
    given = answer(2)  # sums 3 and 12
    world.queue.offer(served(candidate=candidate), given)
    wait_for(lambda: world.told("scored") == 1)
    shadow, dropped = world.counted()
    assert (shadow.requests, shadow.rows, shadow.flagged, shadow.seconds, dropped) == (1, 2, 1, 1, 0)
    assert shadow.cpu_seconds > 0
    np.testing.assert_array_equal(candidate.seen[0], given.X)


def test_the_threshold_of_the_newest_hour_comes_first(tmp_path: Path) -> None:
    hour = datetime(2026, 11, 26, 12, tzinfo=UTC)
    latest = SimpleNamespace(threshold=lambda version: Threshold({"v8": 2.0}[version], "fixed_share", hour, "hour"))
    world = World(tmp_path, latest=latest)
    world.queue.start()
    world.queue.offer(served(), answer(2))
    wait_for(lambda: world.told("scored") == 1)
    assert world.counted()[0].flagged == 2


@pytest.mark.parametrize("other", [{"shadow": False}, {"arm": "candidate"}])
def test_what_needs_no_shadow_is_left_alone(world: World, other: dict[str, Any]) -> None:
    world.queue.offer(served(**other), answer())
    shadow, dropped = world.counted()
    assert (shadow.requests, dropped) == (0, 0)


def test_a_full_queue_drops_at_once_and_counts(world: World) -> None:
    candidate = Waiting()
    world.queue.offer(served(candidate=candidate), answer())
    assert candidate.begun.wait(PATIENCE_S)
    began = time.monotonic()
    for _ in range(20):
        world.queue.offer(served(candidate=candidate), answer())
    assert time.monotonic() - began < PATIENCE_S / 2  # one that waited for room would wait as long as the candidate
    candidate.may.set()
    wait_for(lambda: world.told("scored") == 9)
    assert world.told("dropped") == 12
    shadow, dropped = world.counted()
    assert (shadow.requests, dropped) == (9, 12)


def test_rows_that_wait_are_bounded_too_but_one_answer_always_fits(world: World) -> None:
    candidate = Waiting()
    world.queue.offer(served(candidate=candidate), answer(1))
    assert candidate.begun.wait(PATIENCE_S)
    for _ in range(3):
        world.queue.offer(served(candidate=candidate), answer(40_000))
    assert world.told("dropped") == 2
    candidate.may.set()
    wait_for(lambda: world.told("scored") == 2)


@pytest.mark.parametrize(
    ("error", "errors", "not_finite"), [(RuntimeError("row 1.0"), 3, 0), (NoFiniteScore("row 1.0"), 0, 3)]
)
def test_a_candidate_that_fails_is_counted_and_told_once_without_its_rows(
    world: World, error: Exception, errors: int, not_finite: int, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        world.queue.offer(served(candidate=Failing(error)), answer())
    wait_for(lambda: world.told("failed") == 3)
    world.queue.offer(served(), answer())
    wait_for(lambda: world.told("scored") == 1)
    shadow, dropped = world.counted()
    assert (shadow.requests, shadow.errors, shadow.not_finite, dropped) == (4, errors, not_finite, 0)
    (record,) = [each for each in caplog.records if "v8 can't score" in each.message]
    assert "row 1.0" not in record.message


def test_a_candidate_that_takes_the_columns_in_another_order_gets_them_so(world: World) -> None:
    candidate = Model("v8", FEATURES[::-1])
    given = answer()
    world.queue.offer(served(candidate=candidate), given)
    wait_for(lambda: candidate.seen)
    np.testing.assert_array_equal(candidate.seen[0], given.X[:, ::-1])


def by_instrument(rows: Callable[..., Any]) -> Any:
    return SimpleNamespace(threshold=lambda _: None, rows=rows)


def test_rows_that_were_asked_for_by_instrument_are_those_of_the_candidates_features(tmp_path: Path) -> None:
    candidate = Model("v8", ("another_feature",))
    candidate.manifest = {"feature_settings": {"lags": 1}}  # type: ignore[attr-defined]

    def rows(instruments: tuple[str, ...], features: tuple[str, ...], settings: Any) -> Any:
        assert (instruments, features, settings) == (("bitcoin",), ("another_feature",), {"lags": 1})
        return SimpleNamespace(X=np.array([[5.0]]))

    world = World(tmp_path, latest=by_instrument(rows))
    world.queue.start()
    world.queue.offer(served(candidate=candidate), answer(1, ("bitcoin",)))
    wait_for(lambda: world.told("scored") == 1)
    world.queue.stop()


def test_rows_that_are_not_there_any_more_are_no_error_of_the_candidate(tmp_path: Path) -> None:
    candidate = Model("v8", ("another_feature",))
    candidate.manifest = {"feature_settings": {}}  # type: ignore[attr-defined]

    def rows(*_: Any) -> Any:
        raise NoLatestHour("There is none.")

    for number, latest in enumerate((None, by_instrument(rows))):
        world = World(tmp_path / str(number), latest=latest)
        world.queue.start()
        world.queue.offer(served(candidate=candidate), answer(1, ("bitcoin",)))
        wait_for(lambda world=world: world.told("dropped") == 1)
        shadow, dropped = world.counted()
        assert (shadow.errors, dropped) == (0, 1)


def test_it_ends_in_time_and_what_waits_is_counted_as_dropped(world: World) -> None:
    candidate = Model("v8")
    for _ in range(8):
        world.queue.offer(served(candidate=candidate), answer())
    world.queue.stop()
    world.queue.offer(served(candidate=candidate), answer())
    shadow, dropped = world.counted()
    assert shadow.requests + dropped == 9
    assert dropped >= 1


def test_scoring_takes_a_fiftieth_of_a_core(world: World) -> None:
    class Busy(Model):
        def score(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
            end = time.thread_time() + 0.002
            while time.thread_time() < end:
                pass
            return super().score(X)

    candidate, began = Busy("v8"), time.monotonic()
    for _ in range(8):
        world.queue.offer(served(candidate=candidate), answer())
    wait_for(lambda: world.told("scored") == 8)
    assert time.monotonic() - began >= 7 * 49 * 0.002  # after each of seven
