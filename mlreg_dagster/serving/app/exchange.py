"""A request and its reply, as routes see them; and how a body is read."""

import asyncio
import re
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from random import getrandbits
from typing import Any

from mlreg_dagster.config.sections.serving import LimitSettings
from mlreg_dagster.serving.app.connections import WHOLE
from mlreg_dagster.serving.app.refusals import BodyTooLarge, BodyTooLate, ClientGone, Overloaded
from mlreg_dagster.serving.protocols.problems import BadRequest, UnsupportedMediaType

JSON = "application/json"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")
_DISCARDED = 16
"""Of a body that is too large, so many times the limit are read and forgotten, so that the client sees the answer."""


class Request:
    """A request: its header, and what the server knows of it.

    Attributes:
        id: `X-Request-Id` where it is well formed, else one of ours.
        started: When its header was there, by `time.perf_counter`.
        client: The name of its key; None where none is needed.
        route: The template of its path; `unmatched` until one fits.
        path: The parts of the path that the route names.
        version: Of the model that answered, for metrics.
        role: The alias by which it was asked, `candidate` of a rollout, or `version`.
        rows: That were scored.
    """

    __slots__ = ("client", "headers", "id", "method", "path", "role", "route", "rows", "scope", "started", "version")

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self.started = time.perf_counter()
        self.scope = scope
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        sent = self.headers.get(b"x-request-id", b"")
        self.id = sent.decode() if _REQUEST_ID.fullmatch(sent) else f"{getrandbits(128):032x}"
        self.route = "unmatched"
        self.path: Mapping[str, str] = {}
        self.client: str | None = None
        self.version = self.role = ""
        self.rows = 0

    def header(self, name: bytes) -> str | None:
        """A header, by its name in small letters; None where the request has none."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


@dataclass(slots=True)
class Reply:
    """An answer.

    Attributes:
        headers: Besides those of type, length and request id.
    """

    body: bytes
    status: int = 200
    media_type: str = JSON
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())


class Intake:
    """Reads bodies; all that are held at once have a limit together, too.

    Args:
        limits: Of one body, and of requests at once.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._most = limits.body_bytes * limits.concurrent_requests
        self._held = 0

    async def read(self, request: Request, receive: Any) -> bytes:
        """The body of a request.

        Raises:
            BodyTooLarge, BodyTooLate, Overloaded, BadRequest, UnsupportedMediaType: It is refused.
            ClientGone: The client is gone.
        """
        if request.headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise UnsupportedMediaType("The body is compressed. Send it as it is, without Content-Encoding.")
        declared = int(request.headers.get(b"content-length", b"0"))  # which the parser has checked
        if declared > self._limits.body_bytes and b"expect" in request.headers:
            raise self._too_large()
        if WHOLE in request.scope:
            return await self._read(receive, declared)
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await self._read(receive, declared)
        except TimeoutError:
            raise BodyTooLate(f"The body did not arrive within {self._limits.body_seconds:g} s.") from None

    async def _read(self, receive: Any, declared: int) -> bytes:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body: bytes = message["body"]
        if not message["more_body"]:
            if len(body) > self._limits.body_bytes:
                raise self._too_large()
            return body
        chunks, size, counted = [body], len(body), 0
        try:
            while message["more_body"]:
                if size > self._limits.body_bytes or declared > self._limits.body_bytes:
                    chunks.clear()
                    self._held, counted = self._held - counted, 0
                    if size > _DISCARDED * self._limits.body_bytes:
                        break
                else:
                    self._held, counted = self._held + size - counted, size
                    if self._held > self._most:
                        raise Overloaded("The server holds as many bodies as it may. Try again.")
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                size += len(message["body"])
                chunks.append(message["body"])
        finally:
            self._held -= counted
        if size > self._limits.body_bytes:
            raise self._too_large()
        if declared and size != declared:
            raise BadRequest("The body has another length than the header says.")
        return b"".join(chunks)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body has more than {self._limits.body_bytes:,} bytes. Send fewer rows at once.")
