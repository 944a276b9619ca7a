"""What happens to every request: route, key, body, limits, answer. What routes answer is in `routes`."""

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from starlette.routing import Match, Route

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.serving.app.exchange import Intake, Reply, Request
from mlreg_dagster.serving.app.key_file import Scope
from mlreg_dagster.serving.app.keys import Keyring
from mlreg_dagster.serving.app.refusals import ClientGone, MethodNotAllowed, NotFound, Refusal, refusal_of
from mlreg_dagster.serving.app.work import Work
from mlreg_dagster.serving.metrics import ServerMetrics
from mlreg_dagster.serving.protocols.problems import MEDIA_TYPE, problem
from mlreg_dagster.serving.tracing import Tracing

Handler = Callable[[Request, bytes], Awaitable[Reply]]

_LOG = logging.getLogger(__name__)
_PATHS = 256
"""Paths whose route is remembered."""
_ACCESS = logging.getLogger("mlreg_dagster.serving.access")
_STOPPING = Refusal(503, "shutdown", "The server is being stopped. Ask another one.", "shutdown")


@dataclass(frozen=True)
class Endpoint:
    """A route, and what it asks of a request.

    Attributes:
        route: Path and methods; its name is that of the operation.
        handle: Makes the reply.
        scope: What a key must be allowed; None: no key is needed.
    """

    route: Route
    handle: Handler
    scope: Scope | None

    @classmethod
    def at(cls, path: str, handle: Handler, scope: Scope | None, method: str = "GET") -> "Endpoint":
        """An endpoint with one method; one that is read can be asked for its head, too."""
        return cls(Route(path, handle, methods=[method]), handle, scope)

    @property
    def has_body(self) -> bool:
        """Whether its requests have a body."""
        return "POST" in (self.route.methods or ())


class Application:
    """An ASGI application whose every answer names the request, and whose every refusal is a problem document.

    Args:
        endpoints: The most asked one first.
        keyring: Who may ask.
        intake: Reads bodies.
        work: Counts what is under way.
        metrics: Count what is over.
        tracing: Spans what happens.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        keyring: Keyring,
        intake: Intake,
        work: Work,
        metrics: ServerMetrics,
        tracing: Tracing,
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._matched = lru_cache(_PATHS)(self._find)
        self._keyring, self._intake, self._work = keyring, intake, work
        self._metrics, self._tracing = metrics, tracing

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        with (
            self._metrics.in_flight(),
            self._tracing.request(request.method, request.header(b"traceparent")) as span,
        ):
            try:
                reply = await self._answered(request, receive)
            except ClientGone:
                return
            seconds = time.perf_counter() - request.started
            about = request.version, request.role
            self._metrics.observe(request.route, request.method, reply.status, *about, seconds, request.rows)
            span.answered(request.route, reply.status, *about)
            if _ACCESS.isEnabledFor(logging.INFO):  # neither path nor query nor body, which clients choose
                _ACCESS.info("%s %d %.1f ms %s", request.route, reply.status, seconds * 1e3, request.id)
            await _send(send, reply, request.id)

    async def _answered(self, request: Request, receive: Any) -> Reply:
        """The reply to a request, whatever happens.

        Raises:
            ClientGone: There is no one to reply to.
        """
        try:
            endpoint, request.path = self._matched(request.method, request.scope["path"])
            request.route = endpoint.route.path
            return await self._handle(endpoint, request, receive)
        except asyncio.CancelledError:  # the time to shut down is over
            return self._refuse(_STOPPING)
        except MlregError as error:
            refusal = refusal_of(error)
            return _defect(error, request) if refusal is None else self._refuse(refusal)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 # whatever it is, the client gets a problem document
            return _defect(error, request)

    def _find(self, method: str, path: str) -> tuple[Endpoint, Mapping[str, str]]:
        """The endpoint of a path, and the parts of the path that its route names.

        Raises:
            NotFound, MethodNotAllowed: There is none.
        """
        allowed: set[str] = set()
        for endpoint in self._endpoints:
            match, found = endpoint.route.matches({"type": "http", "method": method, "path": path})
            if match is Match.FULL:
                return endpoint, found["path_params"]
            if match is Match.PARTIAL:
                allowed |= endpoint.route.methods or set()
        if allowed:
            methods = ", ".join(sorted(allowed))
            raise MethodNotAllowed(f"This route knows {methods} alone.", methods)
        raise NotFound("There is no such route; /openapi.json lists all.")

    async def _handle(self, endpoint: Endpoint, request: Request, receive: Any) -> Reply:
        if endpoint.scope is not None:
            header = request.header
            request.client = self._keyring.admit(header(b"authorization"), header(b"x-api-key"), endpoint.scope)
        if not endpoint.has_body:
            return await endpoint.handle(request, b"")
        body = await self._intake.read(request, receive)
        await self._work.begin()
        try:
            return await endpoint.handle(request, body)
        finally:
            self._work.end()

    def _refuse(self, refusal: Refusal) -> Reply:
        if refusal.reason is not None:
            self._metrics.refused(refusal.reason)
        body = problem(refusal.status, refusal.code, refusal.detail, refusal.suspension)
        return Reply(body, refusal.status, MEDIA_TYPE, refusal.headers)


def _defect(error: Exception, request: Request) -> Reply:
    """Log where a defect is, without its message, which may hold rows or keys."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("Request %s met a defect, %s:\n%s", request.id, type(error).__name__, frames)
    detail = f"The server has a defect; its log says where, at request {request.id}."
    return Reply(problem(500, "internal_error", detail), 500, MEDIA_TYPE)


async def _send(send: Any, reply: Reply, request_id: str) -> None:
    headers = [
        (b"content-type", reply.media_type.encode()),
        (b"content-length", b"%d" % len(reply.body)),
        (b"x-request-id", request_id.encode()),
        *reply.headers,
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
