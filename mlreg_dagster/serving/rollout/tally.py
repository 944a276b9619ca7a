"""Counts in memory of what the versions of one split have done; not safe for threads. Their file: `counts`."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Literal

from mlreg_dagster.config.sections.rollout import RolloutSettings
from mlreg_dagster.serving.following.names import Arm
from mlreg_dagster.storage.rollout_counts import ArmCounts, CountedPeriod

Failure = Literal["error", "not_finite"]
"""How a request fails by its version: by a defect, or for a row has no finite score."""

MOST_KEYS = 2_000
"""Routing keys of a split that a process remembers: enough for the test of the split. It takes the first ones of both
versions together, so that the limit does not change their proportion."""


class ArmTally:
    """What one version has done since it was last asked.

    Args:
        settings: When an answer is slow, and a second.
    """

    def __init__(self, settings: RolloutSettings) -> None:
        self._slow_after, self._slow_share = settings.slow_ms / 1e3, settings.slow_share
        self._second: int | None = None
        self._clear()
        self._clear_second()

    def answered(self, at: float, rows: int, flagged: int, seconds: float, cpu_seconds: float) -> None:
        """Count an answer.

        Args:
            at: The monotonic time; it never falls.
            rows: That were scored.
            flagged: Of these.
            seconds: That it took.
            cpu_seconds: Processor time of scoring.
        """
        self._begin(at)
        self._requests += 1
        self._rows += rows
        self._flagged += flagged
        self._cpu_seconds += cpu_seconds
        self._answers_now += 1
        if seconds > self._slow_after:
            self._slow += 1
            self._slow_now += 1

    def failed(self, at: float, kind: Failure) -> None:
        """Count a request without an answer."""
        self._begin(at)
        self._requests += 1
        if kind == "error":
            self._errors += 1
            self._errors_now += 1
        else:
            self._not_finite += 1

    def take(self, at: float | None, keys: frozenset[str] = frozenset()) -> ArmCounts:
        """What was counted since the last time. A second that is not over is counted as one the next time.

        Args:
            at: The monotonic time; None: the end.
            keys: Of the routing keys that were new.
        """
        if self._second is not None and (at is None or int(at) > self._second):
            self._end_second()
        counts = ArmCounts(
            self._requests,
            self._rows,
            self._flagged,
            self._errors,
            self._slow,
            self._not_finite,
            self._cpu_seconds,
            self._seconds,
            self._error_seconds,
            self._slow_seconds,
            keys,
        )
        self._clear()
        return counts

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be taken."""
        return self._second is None and not self._requests and not self._seconds

    def _begin(self, at: float) -> None:
        second = int(at)
        if second != self._second:
            if self._second is not None:
                self._end_second()
            self._second = second

    def _end_second(self) -> None:
        self._seconds += 1
        self._error_seconds += self._errors_now > 0
        self._slow_seconds += self._slow_now > self._slow_share * self._answers_now
        self._second = None
        self._clear_second()

    def _clear(self) -> None:
        self._requests = self._rows = self._flagged = self._errors = self._slow = self._not_finite = 0
        self._seconds = self._error_seconds = self._slow_seconds = 0
        self._cpu_seconds = 0.0

    def _clear_second(self) -> None:
        self._answers_now = self._errors_now = self._slow_now = 0


@dataclass
class SplitTally:
    """What is counted for one split, which is that of one traffic event.

    Attributes:
        settings: When an answer is slow, and a second.
        salt: Of the rollout; routing keys are hashed with it, so that a file of counts names no client.
        first: When the period began that is counted now.
        started: The process began while the rollout was open, and no line has said so.
        shadow_dropped: Answers that the candidate did not score, for want of time or of its rows.
        unwritten: A period that could not be written; it becomes a part of the next one.
    """

    settings: RolloutSettings
    salt: str
    first: datetime
    started: bool = False
    shadow_dropped: int = 0
    unwritten: CountedPeriod | None = None
    _known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.champion, self.candidate, self.shadow = (ArmTally(self.settings) for _ in range(3))
        self._new: dict[Arm, list[str]] = {"champion": [], "candidate": []}

    def of(self, arm: Arm) -> ArmTally:
        """The counts of a version."""
        return self.candidate if arm == "candidate" else self.champion

    def note_key(self, arm: Arm, key: str) -> None:
        """Remember a routing key, once, while there is room."""
        if len(self._known) < MOST_KEYS and key not in self._known:
            self._known.add(key)
            self._new[arm].append(key)

    @property
    def is_empty(self) -> bool:
        """Whether no line has to be written for what was counted."""
        arms_are_empty = all(each.is_empty for each in (self.champion, self.candidate, self.shadow))
        return arms_are_empty and not self.shadow_dropped and self.unwritten is None

    def take(
        self,
        process: str,
        sequence: int,
        now: datetime,
        at: float | None,
        *,
        unloadable: str | None = None,
        log_dropped: int = 0,
        answers: int = 0,
    ) -> CountedPeriod:
        """The period up to now; the next one begins.

        Args:
            process: Names this process.
            sequence: Of the traffic event.
            now: The wall clock's time.
            at: The monotonic time; None: the end.
            unloadable: Why the candidate can't be loaded.
            log_dropped: Answers of the process without a line in the prediction log.
            answers: All answers of the process.
        """
        keys = {arm: frozenset(self._hash(key) for key in found) for arm, found in self._new.items()}
        period = CountedPeriod(
            process,
            sequence,
            self.first,
            now,
            self.champion.take(at, keys["champion"]),
            self.candidate.take(at, keys["candidate"]),
            self.shadow.take(at),
            self.shadow_dropped,
            log_dropped,
            answers,
            self.started,
            unloadable,
        )
        self.first, self.started, self.shadow_dropped = now, False, 0
        self._new = {"champion": [], "candidate": []}
        before, self.unwritten = self.unwritten, None
        return period if before is None else before.joined(period)

    def _hash(self, key: str) -> str:
        return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=self.salt.encode()[:64]).hexdigest()
