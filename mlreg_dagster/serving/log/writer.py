"""Writes each answer to the prediction log before it leaves the server; there is no queue. Segments: `segments`."""

import logging
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlreg_dagster.config.sections.serving import PredictionLogSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.serving.log.record import line_of
from mlreg_dagster.serving.log.segments import OpenSegment
from mlreg_dagster.serving.log.shedding import RecentShare
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained, fault_in
from mlreg_dagster.storage.prediction_log import Layout

if TYPE_CHECKING:
    from mlreg_dagster.serving.answering import Answer

_log = logging.getLogger(__name__)
_PAUSE_S = 1.0
"""How long no line is tried after one was slow or failed, where answers leave without; and how often health probes."""


class LogFailed(MlregError):
    """The line of an answer could not be written in time, so the answer must not leave."""


class PredictionLog:
    """Appends one line an answer to the segment of this process. Threads may share it; processes have one each.

    Args:
        folder: `<home>/served`; it is made.
        settings: What happens when a line can't be written, and when a segment ends.

    Attributes:
        written: Answers with a line.
        dropped: Answers that left without one (`shed`).
        refused: Answers that did not leave, for their line could not be written (`strict`).

    Raises:
        NotAFolder, StorageFull, StorageNotWritable: The folder can't be made or written.
    """

    def __init__(self, folder: Path, settings: PredictionLogSettings) -> None:
        self.written = self.dropped = self.refused = 0
        self._settings, self._layout = settings, Layout(folder)
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._recent = RecentShare()
        self._problem: str | None = None
        self._untried_until = 0.0
        with explained(folder):
            private_files.make_folder(folder)
            self._segment: OpenSegment | None = OpenSegment(self._layout, self._durable)
        self._sealer = threading.Thread(target=self._seal_by_age, name="prediction-log", daemon=True)
        self._sealer.start()

    def append(self, answer: "Answer", seconds: float = 0.0, *, protocol: str = "", client: str | None = None) -> None:
        """Write the line of an answer; the answer may leave when this returns.

        Args:
            answer: What is answered.
            seconds: What the request has taken so far.
            protocol: By which it was asked.
            client: The name of the key that asked, never the key.

        Raises:
            LogFailed: It could not be written, or not in time (`strict`); the log has no such line.
        """
        line = line_of(answer, seconds, protocol, client)
        with self._lock:
            problem = self._tried(line, answer.answered_at)
            self._recent.add(problem is not None)
            if problem is None:
                self.written += 1
                return
            if self._settings.on_failure == "shed" and not self._closed.is_set():
                self.dropped += 1
                return
            self.refused += 1
        raise LogFailed(
            "The prediction log can't be written, and no answer leaves without its line (log.on_failure in "
            "serving.yaml). Ask again later; the log of the server says why."
        )

    def problem(self) -> str | None:
        """Why lines can't be written; None while they can."""
        return self._problem

    def is_healthy(self) -> bool:
        """Whether the server may take requests, as far as the log is concerned.

        `strict`: lines can be written, which is tried where the newest one failed. `shed`: no more than the budget of
        the answers of the last five minutes have no line.
        """
        if self._settings.on_failure == "shed":
            return self._recent.value() <= self._settings.shed_budget
        with self._lock:
            if self._problem is not None and time.monotonic() >= self._untried_until:
                self._note(self._probed())
            return self._problem is None

    def close(self) -> None:
        """Seal the segment; later answers are refused."""
        self._closed.set()
        with self._lock:
            self._seal()
        self._sealer.join()

    @property
    def _durable(self) -> bool:
        return self._settings.fsync == "each"

    def _tried(self, line: bytes, answered_at: datetime) -> str | None:
        """Write a line; gives why it is not there, or None."""
        sheds, started = self._settings.on_failure == "shed", time.monotonic()
        if self._closed.is_set():
            return "the server is stopping"
        if sheds and started < self._untried_until:
            return self._problem
        try:
            segment = self._current(len(line), answered_at)
            segment.append(line, answered_at)
            took = time.monotonic() - started
            slow = took > self._settings.slow_seconds
            if slow and not sheds:
                segment.take_back(line)
        except OSError as error:
            return self._note(self._given_up(error))
        problem = f"{self._layout.root}: a line took {took:.3g} s (log.slow_seconds in serving.yaml)" if slow else None
        self._note(problem)
        return None if sheds else problem

    def _current(self, more: int = 0, answered_at: datetime | None = None) -> OpenSegment:
        """The segment that the next line goes to.

        Raises:
            OSError: There is none, and none can be made.
        """
        if (segment := self._segment) and segment.size:
            is_full = segment.size + more > self._settings.segment_bytes
            if is_full or (answered_at is not None and not segment.takes(answered_at)):
                self._seal()
        if self._segment is None:
            self._segment = OpenSegment(self._layout, self._durable)
        return self._segment

    def _note(self, problem: str | None) -> str | None:
        """Remember a problem, or that there is none any more; changes are logged, and not every line."""
        if problem is not None:
            self._untried_until = time.monotonic() + _PAUSE_S
            if self._problem is None:
                _log.error("The prediction log can't be written: %s", problem)
        elif self._problem is not None:
            _log.warning("The prediction log can be written again.")
        self._problem = problem
        return problem

    def _probed(self) -> str | None:
        try:
            self._current().probe()
        except OSError as error:
            return self._given_up(error)
        return None

    def _given_up(self, error: OSError) -> str:
        """Seal a segment that failed: what is wrong with it is wrong with its next line, too. Gives why."""
        self._seal()
        return str(fault_in(error, self._layout.root) or f"{self._layout.root}: {error}")

    def _seal(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            try:
                segment.seal()
            except OSError as error:
                _log.error("A segment of the prediction log can't be sealed; its reader will do so: %s", error)

    def _seal_by_age(self) -> None:
        """Seal a segment once it is old enough, whether requests come or not."""
        while not self._closed.wait(min(self._settings.segment_seconds / 4, 5.0)):
            with self._lock:
                segment = self._segment
                if segment and segment.size and time.monotonic() - segment.opened >= self._settings.segment_seconds:
                    self._seal()
