"""How much the server does at once: requests that are being answered, and threads for those that take longer."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mlreg_dagster.config.sections.serving import LimitSettings
from mlreg_dagster.serving.app.refusals import AnswerTooLate, Overloaded

_THREADS = 2
_Result = TypeVar("_Result")


class Work:
    """What is under way; what is beyond the limit is refused, not queued.

    Args:
        limits: Of requests at once, and of the time of each.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self._most, self._seconds = limits.concurrent_requests, limits.request_seconds
        self._pool = ThreadPoolExecutor(_THREADS, "scoring")
        self.under_way = 0

    async def begin(self) -> None:
        """Begin a request; `end` has to follow.

        Raises:
            Overloaded: There are as many as there may be.
        """
        if self.under_way >= self._most:
            raise Overloaded(f"The server answers {self._most} requests at once. Try again.")
        self.under_way += 1
        await asyncio.sleep(0)  # all that have arrived are counted before the first of them is scored

    def end(self, _: object = None) -> None:
        """The request is answered."""
        self.under_way -= 1

    async def in_thread(self, function: Callable[[], _Result]) -> _Result:
        """Call a function in a thread, so that others are answered meanwhile.

        Raises:
            AnswerTooLate: It takes too long; it counts as under way until it ends.
        """
        future = asyncio.get_running_loop().run_in_executor(self._pool, function)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            self.under_way += 1
            future.add_done_callback(self._forget)
            raise AnswerTooLate(f"No answer could be made within {self._seconds:g} s. Send fewer rows.") from None

    def _forget(self, future: "asyncio.Future[_Result]") -> None:
        self.end()
        if not future.cancelled():
            future.exception()  # seen, so that asyncio does not report it
