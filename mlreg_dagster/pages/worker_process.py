"""A process that calls functions for this one, at a low priority; it is started when first needed."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

T = TypeVar("T")

_NICE = 5
_END_S = 5.0


class WorkerDied(Exception):
    """The process ended before it answered, for want of memory for example."""


class WorkerProcess:
    """One process; it ends with this one. Not for several threads at once."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def run(self, make: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        """Call a function of a module with arguments that can be pickled.

        Raises:
            WorkerDied: The process ended; the next call starts another one.
        """
        connection = self._connected()
        try:
            connection.send((make, arguments))
            error, value = connection.recv()
        except (EOFError, OSError) as gone:
            self.close()
            raise WorkerDied("The process that computes for the pages ended before it was done.") from gone
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the process, if there is one."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.join(_END_S)
            if self._process.is_alive():
                self._process.kill()
        self._process = self._connection = None

    def _connected(self) -> Connection:
        if self._connection is None or self._process is None or not self._process.is_alive():
            self.close()
            context = get_context("spawn")  # this process has threads, which a fork would not copy
            self._connection, other = context.Pipe()
            self._process = context.Process(target=_serve, args=(other,), name="mlreg-pages-worker", daemon=True)
            self._process.start()
            other.close()
        return self._connection


def _serve(connection: Connection) -> None:
    """Answer calls until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends it
    with suppress(OSError):
        os.nice(_NICE)
    while True:
        try:
            make, arguments = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer: tuple[Exception | None, Any] = (None, make(*arguments))
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
            answer = (error, None)
        try:
            connection.send(answer)
        except (TypeError, ValueError, AttributeError) as error:
            connection.send((TypeError(f"The answer of {make.__name__} can't be sent: {error}"), None))
        except BrokenPipeError:  # the server ended meanwhile
            return
