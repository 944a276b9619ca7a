"""Computes what takes longer than a page may: one thread, a bounded queue, and the newest results in memory.

Nothing is written, and a result is asked for by everything that it depends on: where that changes, it is made again.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import Any, Generic, Literal, TypeVar

from mlreg_dagster.core.errors import MlregError

T = TypeVar("T")
State = Literal["ready", "computing", "busy", "failed"]

WAITING = 16
"""Results that wait to be made; whoever asks for another one is told to ask later."""
KEPT = 64
"""Results that are remembered; the one that was asked for longest ago goes first."""

_LOG = logging.getLogger(__name__)
_DEFECT = "The pages have a defect; their log says where it is."
_IDLE_S = 30.0


@dataclass(frozen=True)
class Result(Generic[T]):
    """What there is of something that takes long.

    Attributes:
        state: `busy`: too much is being computed, and it waits for nothing. `failed`: it can't be computed.
        value: The result, where it is ready.
        problem: Why there is none, where it failed.
        seconds: How long it took, where it is ready.
    """

    state: State
    value: T | None = None
    problem: str | None = None
    seconds: float | None = None


class Background:
    """One thread that makes results, and remembers them.

    Args:
        waiting: How many may wait to be made.
        kept: How many are remembered.
    """

    def __init__(self, waiting: int = WAITING, kept: int = KEPT) -> None:
        self._queue: Queue[tuple[Hashable, Callable[[], Any]]] = Queue(waiting)
        self._kept = kept
        self._results: OrderedDict[Hashable, Result[Any]] = OrderedDict()
        self._coming: dict[Hashable, Event] = {}
        self._lock = Lock()
        self._thread: Thread | None = None

    def result(self, key: Hashable, make: Callable[[], T], wait_s: float = 0.0) -> Result[T]:
        """The result, if it is there; else it is asked for.

        Args:
            key: Everything that the result depends on.
            make: Makes it, in another thread: nothing that ends with the request may be used there.
            wait_s: How long to wait for it.
        """
        with self._lock:
            if (found := self._found(key)) is not None:
                return found
            coming = self._coming.get(key)
            if coming is None:
                try:
                    self._queue.put_nowait((key, make))
                except Full:
                    return Result("busy")
                coming = self._coming[key] = Event()
                self._start()
        coming.wait(wait_s)
        with self._lock:
            return self._found(key) or Result("computing")

    def _found(self, key: Hashable) -> Result[Any] | None:
        if key in self._results:
            self._results.move_to_end(key)
        return self._results.get(key)

    def _start(self) -> None:
        """Start the thread, where it has ended; under the lock."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="mlreg-pages-background", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            try:
                key, make = self._queue.get(timeout=_IDLE_S)
            except Empty:
                with self._lock:
                    if self._queue.empty():  # nothing is put but under the lock
                        self._thread = None
                        return
                continue
            made = _made(make)
            with self._lock:
                self._results[key] = made
                while len(self._results) > self._kept:
                    self._results.popitem(last=False)
                self._coming.pop(key).set()


def _made(make: Callable[[], T]) -> Result[T]:
    begun = time.monotonic()
    try:
        return Result("ready", make(), seconds=time.monotonic() - begun)
    except MlregError as error:
        return Result("failed", problem=str(error))
    except Exception:
        _LOG.exception("What a page needs met a defect.")
        return Result("failed", problem=_DEFECT)


BACKGROUND = Background()
"""The one of this process."""
