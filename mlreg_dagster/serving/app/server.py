"""Runs the server: two ports in one process and one loop, background work, and an orderly end."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
import uvloop

from mlreg_dagster.config.sections.serving import LimitSettings
from mlreg_dagster.serving.app.application import Application
from mlreg_dagster.serving.app.connections import connection_class, sweep
from mlreg_dagster.serving.app.health import Health
from mlreg_dagster.serving.app.keys import REFRESH_S, Keyring
from mlreg_dagster.serving.metrics import ServerMetrics

_LOG = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """A server among others, which leaves the signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class Running:
    """The two servers of a process.

    Args:
        application: What the public port answers.
        admin: What the admin port answers.
        limits: Of both.
        metrics: Count connections that are closed.
        keyring: Read again while the server runs.
        health: Told that the server ends.
    """

    def __init__(
        self,
        application: Application,
        admin: Application,
        limits: LimitSettings,
        metrics: ServerMetrics,
        keyring: Keyring,
        health: Health,
    ) -> None:
        protocol = connection_class(limits, metrics.refused)
        self._public = _Server(_config(application, protocol, limits))
        self._admin = _Server(_config(admin, protocol, limits))
        self._keyring, self._health = keyring, health
        self._defect: BaseException | None = None

    def run(
        self, public: socket.socket, admin: socket.socket, load: Callable[[], None], started: Callable[[], None]
    ) -> None:
        """Serve until a signal asks for the end, and requests under way are answered.

        Args:
            public: Listens for requests.
            admin: Listens for metrics and health.
            load: Loads models; called in a thread, while health is answered already.
            started: Called once both ports are served.
        """
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(public, admin, load, started))

    async def _serve(
        self, public: socket.socket, admin: socket.socket, load: Callable[[], None], started: Callable[[], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loading = asyncio.create_task(asyncio.to_thread(load))
        background = [asyncio.create_task(sweep(self._connections)), asyncio.create_task(self._read_keys())]
        for task in (loading, *background):
            task.add_done_callback(self._ended)
        admin_task = asyncio.create_task(self._admin.serve([admin]))
        loop.call_soon(started)
        try:
            await self._public.serve([public])
            self._admin.should_exit = True
            await admin_task
            await asyncio.wait([loading])
        finally:
            for task in background:
                task.cancel()
        if self._defect is not None:
            raise self._defect

    def _connections(self) -> list[Any]:
        return [*self._public.server_state.connections, *self._admin.server_state.connections]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """End the server where something that it needs has ended: without time-outs or keys it must not go on."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._defect = error
            self._health.stopping = self._public.should_exit = True

    def _stop(self, number: int) -> None:
        if self._health.stopping:
            os._exit(128 + number)  # no thread and no client can hold it up
        _LOG.info("Stopping: requests under way are answered. A second signal ends at once.")
        self._health.stopping = self._public.should_exit = True

    async def _read_keys(self) -> None:
        before = self._keyring.problem
        while True:
            await asyncio.sleep(REFRESH_S)
            await asyncio.to_thread(self._keyring.refresh)
            if (problem := self._keyring.problem) != before:
                _LOG.warning(problem or "The keys file can be read again.")
                before = problem


def _config(application: Application, protocol: type[asyncio.Protocol], limits: LimitSettings) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=limits.idle_seconds,  # type: ignore[arg-type] # any number of seconds
        timeout_graceful_shutdown=limits.shutdown_seconds,  # type: ignore[arg-type]
    )
