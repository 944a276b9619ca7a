"""Shadow scoring: a candidate scores what the champion has answered, after the answer has left."""

import logging
import threading
import time
import traceback
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.serving.following.names import Served
from mlreg_dagster.serving.metrics import ServerMetrics
from mlreg_dagster.serving.rollout.counts import ArmCounter
from mlreg_dagster.serving.rollout.routing import columns_of
from mlreg_dagster.serving.scoring.model import NoFiniteScore, ServedModel
from mlreg_dagster.serving.scoring.thresholds import threshold_of

if TYPE_CHECKING:
    from mlreg_dagster.serving.answering import Answer
    from mlreg_dagster.serving.online.latest import LatestHour

_LOG = logging.getLogger(__name__)
_REST, _LONGEST_REST_S = 49.0, 1.0
"""How long the thread rests, as a multiple of the processor time of scoring. So it takes a fiftieth of a core, and
fewer than 5 of 100 requests meet it, however many there are: the 95th percentile of their times is that of the others.
"""

_MOST_ROWS = 32_768
"""Rows that wait at once; of 36 features they take 9 MB."""

_PATIENCE_S = 5.0


class _NoRows(MlregError):
    """The candidate takes features that were neither sent nor asked for by instrument."""


class ShadowQueue:
    """A bounded queue of answers, and the thread that scores them with the candidate.

    What does not fit is dropped and counted. A request never waits for it, and never meets an error of it.

    Args:
        counter: Counts what the candidate does.
        metrics: Say how many answers were scored, dropped, and failed.
        size: Answers that wait at most.
        latest: The newest hour: its thresholds, and its rows where they were asked for by instrument.
    """

    def __init__(
        self, counter: ArmCounter, metrics: ServerMetrics, size: int, latest: "LatestHour | None" = None
    ) -> None:
        self._counter, self._metrics, self._size, self._latest = counter, metrics, size, latest
        self._waiting: deque[tuple[Served, Answer]] = deque()
        self._rows = 0
        self._changed, self._stopped = threading.Condition(), threading.Event()
        self._defects: set[tuple[str, str]] = set()
        self._thread = threading.Thread(target=self._run, name="shadow-scoring", daemon=True)

    def start(self) -> None:
        """Begin to score."""
        self._thread.start()

    def offer(self, served: Served, answer: "Answer") -> None:
        """Have the candidate score what was answered, where the rollout asks for that and there is room.

        Args:
            served: What answered; where that is the candidate, there is nothing to do.
            answer: What the champion answered.
        """
        rollout = served.rollout
        if rollout is None or not rollout.shadow or rollout.candidate is None or served.arm == "candidate":
            return
        rows = len(answer.scores)
        with self._changed:
            has_room = len(self._waiting) < self._size and (not self._rows or self._rows + rows <= _MOST_ROWS)
            if has_room and not self._stopped.is_set():
                self._waiting.append((served, answer))
                self._rows += rows
                self._changed.notify()
                return
        self._drop(served)

    def stop(self) -> None:
        """End the thread; what waits is dropped."""
        self._stopped.set()
        with self._changed:
            left = [served for served, _ in self._waiting]
            self._waiting.clear()
            self._changed.notify()
        for served in left:
            self._drop(served)
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        while (taken := self._next()) is not None:
            began = time.thread_time()
            try:
                self._score(*taken)
            except Exception as error:  # noqa: BLE001 - whatever a candidate does, the thread goes on
                self._fail(taken[0], error)
            self._stopped.wait(min(_REST * (time.thread_time() - began), _LONGEST_REST_S))

    def _next(self) -> "tuple[Served, Answer] | None":
        """The answer that has waited longest; None: the end."""
        with self._changed:
            while not self._waiting and not self._stopped.is_set():
                self._changed.wait()
            if self._stopped.is_set():
                return None
            served, answer = self._waiting.popleft()
            self._rows -= len(answer.scores)
            return served, answer

    def _score(self, served: Served, answer: "Answer") -> None:
        candidate = served.rollout.candidate if served.rollout is not None else None
        if candidate is None:
            return
        try:
            X = self._rows_for(candidate, served, answer)
        except MlregError:  # the newest hour has changed since: no fault of the candidate
            self._drop(served)
            return
        began, cpu = time.perf_counter(), time.thread_time()
        scores = candidate.score(X)
        took, spent = time.perf_counter() - began, time.thread_time() - cpu
        threshold = threshold_of(candidate, None if self._latest is None else self._latest.threshold(candidate.version))
        flagged = int(np.count_nonzero(scores > threshold.value))
        self._counter.shadowed(served, rows=len(scores), flagged=flagged, seconds=took, cpu_seconds=spent)
        self._metrics.shadow("scored")

    def _rows_for(self, candidate: ServedModel, served: Served, answer: "Answer") -> NDArray[np.float64]:
        """The rows of an answer as the candidate takes them."""
        own = served.model.features
        if candidate.features == own:
            return answer.X
        if set(candidate.features) <= set(own):
            return columns_of(answer.X, own, candidate.features)
        if self._latest is None or answer.instruments is None:
            raise _NoRows(f"{candidate.version} takes features that the request did not send.")
        settings = candidate.manifest["feature_settings"]
        return self._latest.rows(answer.instruments, candidate.features, settings).X

    def _fail(self, served: Served, error: Exception) -> None:
        self._counter.shadow_failed(served, "not_finite" if isinstance(error, NoFiniteScore) else "error")
        self._metrics.shadow("failed")
        version = served.rollout.candidate.version if served.rollout and served.rollout.candidate else "the candidate"
        if (defect := (version, type(error).__name__)) not in self._defects:
            self._defects.add(defect)  # neither each one, nor its message, which may hold rows
            frames = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error("%s can't score what the champion answered, %s:\n%s", *defect, frames)

    def _drop(self, served: Served) -> None:
        self._counter.shadow_dropped(served)
        self._metrics.shadow("dropped")
