"""Counts what the two versions of a rollout do in this process, and writes it every few seconds.

The form of a line and its reader are in `storage.rollout_counts`.
"""

import errno
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlreg_dagster.config.sections.rollout import RolloutSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.serving.following.names import Served, ServedRollout
from mlreg_dagster.serving.metrics import ServerMetrics
from mlreg_dagster.serving.rollout.tally import Failure, SplitTally
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import fault_in
from mlreg_dagster.storage.rollout_counts import SUFFIX, CountedPeriod, counts_folder, line_of

if TYPE_CHECKING:
    from mlreg_dagster.serving.log.writer import PredictionLog

_LOG = logging.getLogger(__name__)
_FIRST_LOOK_S = 0.2
"""How often a process that serves nothing yet looks: its first line is to be there before a candidate can end it."""

_PATIENCE_S = 5.0
"""How long the end of the server waits for the last lines."""

_Split = tuple[str, int, int]
"""Alias, rollout, and sequence of the traffic event."""


class ArmCounter:
    """Counts for one server process, whose threads share it; a thread of its own writes.

    While a rollout of an alias is open, a line is written every `flush_seconds`, also without requests: readers know by
    it that a server lives. What can't be written is kept and becomes a part of the next line; no answer waits for it.
    What happens without a rollout is not counted.

    Args:
        home: The data home.
        settings: rollout.yaml.
        served: What all names mean now.
        metrics: Say whether counts can be written.
        log: Counts answers without a line; None: there is no prediction log.

    Attributes:
        process: Names this process in its lines and files.
    """

    def __init__(
        self,
        home: Path,
        settings: RolloutSettings,
        served: Callable[[], Iterable[Served]],
        metrics: ServerMetrics,
        log: "PredictionLog | None" = None,
    ) -> None:
        self.process = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(4)}"
        self._home, self._settings, self._served, self._metrics = home, settings, served, metrics
        self._log, self._logged = log, (0, 0)
        self._splits: dict[_Split, SplitTally] = {}
        self._aliases: set[str] = set()
        self._problem: str | None = None
        self._lock, self._flushing, self._closed = threading.Lock(), threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="rollout-counts", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def answered(
        self, served: Served, key: str, *, rows: int, flagged: int, seconds: float, cpu_seconds: float
    ) -> None:
        """Count an answer of the version in `served`.

        Args:
            served: What answered.
            key: The routing key.
            rows: That were scored.
            flagged: Of these, those above the threshold.
            seconds: From the header of the request to its answer.
            cpu_seconds: Processor time of scoring.
        """
        arm = served.arm or "champion"
        with self._lock:
            if (split := self._split_of(served)) is None:
                return
            split.note_key(arm, key)
            split.of(arm).answered(time.monotonic(), rows, flagged, seconds, cpu_seconds)

    def failed(self, served: Served, key: str, kind: Failure) -> None:
        """Count a request that failed by the version in `served`, not by what the client sent."""
        arm = served.arm or "champion"
        with self._lock:
            if (split := self._split_of(served)) is None:
                return
            split.note_key(arm, key)
            split.of(arm).failed(time.monotonic(), kind)

    def shadowed(self, served: Served, *, rows: int, flagged: int, seconds: float, cpu_seconds: float) -> None:
        """Count an answer of the champion that the candidate has scored, too; the numbers are the candidate's."""
        with self._lock:
            if (split := self._split_of(served)) is not None:
                split.shadow.answered(time.monotonic(), rows, flagged, seconds, cpu_seconds)

    def shadow_failed(self, served: Served, kind: Failure) -> None:
        """Count an answer of the champion for which the candidate failed."""
        with self._lock:
            if (split := self._split_of(served)) is not None:
                split.shadow.failed(time.monotonic(), kind)

    def shadow_dropped(self, served: Served) -> None:
        """Count an answer of the champion that the candidate did not score, for want of time or of its rows."""
        with self._lock:
            if (split := self._split_of(served)) is not None:
                split.shadow_dropped += 1

    def problem(self) -> str | None:
        """Why counts can't be written; None while they can."""
        return self._problem

    def flush(self) -> None:
        """Write what was counted; nothing is raised for a disk that can't be written."""
        self._flush(at_end=False)

    def close(self) -> None:
        """Write what is left, and end the thread."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)
        else:
            self._flush(at_end=True)

    def _run(self) -> None:
        pause = self._settings.flush_seconds
        while not self._closed.wait(pause if self._aliases else min(pause, _FIRST_LOOK_S)):
            try:
                self._flush(at_end=False)
            except Exception:  # noqa: BLE001 - the thread goes on
                _LOG.exception("Counts of a rollout could not be written")
        self._flush(at_end=True)

    def _split_of(self, served: Served) -> SplitTally | None:
        """The counts of the split that a request took; None: it is part of no rollout."""
        if served.rollout is None or served.alias is None:
            return None
        return self._split(served.alias, served.rollout)

    def _split(self, alias: str, rollout: ServedRollout) -> SplitTally:
        key = alias, rollout.rollout, rollout.sequence
        split = self._splits.get(key)
        if split is None:
            split = self._splits[key] = SplitTally(self._settings, rollout.salt, datetime.now(UTC))
        return split

    def _flush(self, at_end: bool) -> None:
        with self._flushing:
            open_now = {each.alias: each.rollout for each in self._served() if each.alias is not None}
            problem = None
            for (alias, rollout, sequence), period in self._take(open_now, at_end):
                try:
                    _append(counts_folder(self._home, alias, rollout) / f"{self.process}{SUFFIX}", line_of(period))
                except (OSError, MlregError) as error:
                    problem = _explained(error, counts_folder(self._home, alias, rollout))
                    with self._lock:
                        self._splits[alias, rollout, sequence].unwritten = period
            self._note(problem)
            self._forget(open_now)

    def _take(self, open_now: dict[str, ServedRollout | None], at_end: bool) -> list[tuple[_Split, CountedPeriod]]:
        """The periods that lines are written for: of open rollouts, and of splits that still had requests."""
        logged = (self._log.dropped, self._log.dropped + self._log.written) if self._log is not None else (0, 0)
        dropped, answers = (after - before for after, before in zip(logged, self._logged, strict=True))
        self._logged = logged
        found = []
        with self._lock:
            for alias, rollout in open_now.items():
                if rollout is not None:
                    self._split(alias, rollout).started |= alias not in self._aliases
            self._aliases |= open_now.keys()
            now, at = datetime.now(UTC), None if at_end else time.monotonic()
            for (alias, number, sequence), split in self._splits.items():
                rollout = open_now.get(alias)
                is_open = rollout is not None and (rollout.rollout, rollout.sequence) == (number, sequence)
                if not is_open and split.is_empty:
                    continue
                unloadable = rollout.unloadable if is_open and rollout is not None else None
                more = {"log_dropped": dropped, "answers": answers} if is_open else {}
                period = split.take(self.process, sequence, now, at, unloadable=unloadable, **more)
                found.append(((alias, number, sequence), period))
        return found

    def _forget(self, open_now: dict[str, ServedRollout | None]) -> None:
        """Forget splits that are followed no more and have nothing left to write."""
        followed = {(alias, each.rollout, each.sequence) for alias, each in open_now.items() if each is not None}
        with self._lock:
            self._splits = {key: each for key, each in self._splits.items() if key in followed or not each.is_empty}

    def _note(self, problem: str | None) -> None:
        if problem is not None and self._problem is None:
            _LOG.error("Counts of a rollout can't be written; they are kept, and requests are answered. %s", problem)
        elif problem is None and self._problem is not None:
            _LOG.warning("Counts of a rollout can be written again.")
        self._problem = problem
        self._metrics.counts_problem(problem is not None)


def _explained(error: Exception, place: Path) -> str:
    fault = fault_in(error, place) if isinstance(error, OSError) else error
    return str(fault if fault is not None else f"{place}: {error}")


def _append(path: Path, line: bytes) -> None:
    """Append a line by one call of the system; after an error the file is as before, or its last line is torn.

    Raises:
        OSError: It can't be written in full.
        NotAFolder: Something else lies on its way.
    """
    private_files.make_folder(path.parent)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, private_files.OF_FILES)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # the one before is torn
        try:
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, "only a part of the line was written")
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
