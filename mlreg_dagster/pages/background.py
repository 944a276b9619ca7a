"""Computes what takes longer than a page may: one after the other, and the newest results are remembered.

It is done in a process of its own: a thread of the server would keep every page waiting, as Python runs one thread at
a time. Nothing is written; a result is asked for by everything that it depends on, so where that changes it is made
again.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import Any, Generic, Literal, Protocol, TypeVar

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.pages.worker_process import WorkerDied, WorkerProcess

T = TypeVar("T")
State = Literal["ready", "computing", "busy", "failed"]

WAITING = 16
"""Results that wait to be made; a request for another one is told to come later."""
KEPT = 64
"""Results that are remembered; the one that was asked for longest ago goes first."""

_LOG = logging.getLogger(__name__)
_DEFECT = "The pages have a defect; their log says where it is."
_IDLE_S = 60.0
_FAILED_S = 30.0
"""For so long a failure is remembered: what was wrong may be put right."""
_Task = tuple[Hashable, Callable[..., Any], tuple[Any, ...]]


class Worker(Protocol):
    """Where results are made."""

    def run(self, make: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        """Call a function of a module; its errors are those of the call."""

    def close(self) -> None:
        """Give back what it holds; it may be used again."""


@dataclass(frozen=True)
class Result(Generic[T]):
    """What there is of something that takes long.

    Attributes:
        state: `busy`: too much is being computed, and it waits for nothing. `failed`: it can't be computed.
        value: The result, where it is ready.
        problem: Why there is none, where it failed.
        seconds: How long it took, where it is ready.
        ended: When it was made or failed, by the monotonic clock.
    """

    state: State
    value: T | None = None
    problem: str | None = None
    seconds: float | None = None
    ended: float = 0.0


class Background:
    """Makes results one after the other, and remembers them.

    Args:
        worker: Where they are made.
        waiting: How many may wait to be made.
        kept: How many are remembered.
    """

    def __init__(self, worker: Worker, waiting: int = WAITING, kept: int = KEPT) -> None:
        self._worker = worker
        self._queue: Queue[_Task] = Queue(waiting)
        self._kept = kept
        self._results: OrderedDict[Hashable, Result[Any]] = OrderedDict()
        self._coming: dict[Hashable, Event] = {}
        self._lock = Lock()
        self._thread: Thread | None = None

    def result(self, key: Hashable, make: Callable[..., T], *arguments: Any, wait_s: float = 0.0) -> Result[T]:
        """The result, if it is there; else it is asked for.

        Args:
            key: Everything that the result depends on.
            make: Makes it: a function of a module.
            arguments: Its arguments; they go to another process.
            wait_s: How long to wait for it.
        """
        with self._lock:
            if (found := self._found(key)) is not None:
                return found
            coming = self._coming.get(key)
            if coming is None:
                try:
                    self._queue.put_nowait((key, make, arguments))
                except Full:
                    return Result("busy")
                coming = self._coming[key] = Event()
                self._start()
        coming.wait(wait_s)
        with self._lock:
            return self._found(key) or Result("computing")

    def _found(self, key: Hashable) -> Result[Any] | None:
        found = self._results.get(key)
        if found is None:
            return None
        if found.state == "failed" and time.monotonic() - found.ended > _FAILED_S:
            del self._results[key]
            return None
        self._results.move_to_end(key)
        return found

    def _start(self) -> None:
        """Start the thread that waits for the worker, where it has ended; under the lock."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="mlreg-pages-background", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            try:
                key, make, arguments = self._queue.get(timeout=_IDLE_S)
            except Empty:
                with self._lock:
                    if self._queue.empty():  # nothing is put but under the lock
                        self._worker.close()
                        self._thread = None
                        return
                continue
            made = self._made(make, arguments)
            with self._lock:
                self._results[key] = replace(made, ended=time.monotonic())
                while len(self._results) > self._kept:
                    self._results.popitem(last=False)
                self._coming.pop(key).set()

    def _made(self, make: Callable[..., T], arguments: tuple[Any, ...]) -> Result[T]:
        begun = time.monotonic()
        try:
            return Result("ready", self._worker.run(make, arguments), seconds=time.monotonic() - begun)
        except MlregError as error:
            return Result("failed", problem=str(error))
        except WorkerDied as error:
            _LOG.error("%s", error)
            return Result("failed", problem=f"{error} Load the page again later.")
        except Exception:  # noqa: BLE001 - the page says so, and the others stay up
            _LOG.exception("What a page needs met a defect.")
            return Result("failed", problem=_DEFECT)


BACKGROUND = Background(WorkerProcess())
"""The one of this process."""
