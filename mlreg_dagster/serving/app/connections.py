"""The connections of the server: uvicorn's HTTP protocol with time-outs, limits and problem documents of its own.

uvicorn closes idle connections alone: a header or body that comes byte by byte, and a client that does not read, would
keep theirs for ever. One sweep looks at all connections, so that a request costs no timer.
"""

import asyncio
from collections.abc import Callable, Iterable
from math import inf
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mlreg_dagster.config.sections.serving import LimitSettings
from mlreg_dagster.serving.metrics import Refusal
from mlreg_dagster.serving.protocols.problems import MEDIA_TYPE, problem

WHOLE = "mlreg.whole"
"""In the scope of a request whose body is there: reading it takes no time."""
SWEEP_S = 0.25
LARGEST_HEADER = 64 << 10
_CONTINUE = b"HTTP/1.1 100 "
_GRACE_S = 2.0  # in which the application answers a late body itself


class _Corked:
    """A transport that sends the header of an answer together with its body: one system call, not two."""

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._head = transport, b""

    def write(self, data: bytes) -> None:
        """Keep a header, or send it with what follows; `100 Continue` does not wait for an answer."""
        if self._transport.is_closing():
            return
        if self._head:
            self._head, data = b"", self._head + data
            self._transport.write(data)
        elif data.startswith(_CONTINUE):
            self._transport.write(data)
        else:
            self._head = data

    def flush(self) -> None:
        """Send a header that nothing follows."""
        if self._head and not self._transport.is_closing():
            self._transport.write(self._head)
        self._head = b""

    def close(self) -> None:
        """Send what is there, then close."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is being closed."""
        return self._transport.is_closing()


class Connection(HttpToolsProtocol):
    """A connection that is closed where its client takes too long, sends too much, or is one too many."""

    limits: ClassVar[LimitSettings]
    refused: Callable[[Refusal], None]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Open, or close at once where there are too many."""
        super().connection_made(transport)
        self._header_bytes = 0
        self._in_header = True
        self._unread_until = inf
        self._corked = _Corked(transport)
        self._deadline = self.loop.time() + self.limits.header_seconds
        if len(self.connections) > self.limits.connections:
            self.refused("connections")
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._in_header:
            if self._header_bytes == 0:
                self._deadline = self.loop.time() + self.limits.header_seconds
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_header and self._header_bytes > LARGEST_HEADER and not self.transport.is_closing():
            self._refuse(431, "header_too_large", f"The header is larger than {LARGEST_HEADER:,} bytes.")
            self.refused("malformed")

    def on_headers_complete(self) -> None:
        """The body has its own time."""
        self._in_header = False
        self._deadline = self.loop.time() + self.limits.body_seconds + _GRACE_S
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.transport = self._corked  # type: ignore[assignment] # it has the methods that a cycle calls

    def on_response_complete(self) -> None:
        """The answer is whole."""
        self._corked.flush()
        super().on_response_complete()

    def on_message_complete(self) -> None:
        """The rest is for the server to do; `timeout_keep_alive` limits the time until the next request."""
        super().on_message_complete()
        self.scope[WHOLE] = True  # type: ignore[literal-required]
        self._in_header, self._header_bytes, self._deadline = True, 0, inf

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        super().pause_writing()
        self._unread_until = self.loop.time() + self.limits.body_seconds

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        self._unread_until = inf

    def timeout_keep_alive_handler(self) -> None:
        """Close, without waiting for a client that has not read its answer."""
        if not self.transport.is_closing():
            if self.transport.get_write_buffer_size():
                self.transport.abort()
            else:
                self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request."""
        if not self.transport.is_closing():
            self._refuse(400, "bad_request", msg)
            self.refused("malformed")

    def expire(self, now: float) -> None:
        """Close the connection where its time is over."""
        if now > self._unread_until:
            self.transport.abort()
        elif now > self._deadline and not self.transport.is_closing():
            self._deadline = inf
            if self._in_header and self._header_bytes and self._is_answered():
                self._refuse(
                    408, "header_timeout", f"The header did not arrive within {self.limits.header_seconds:g} s."
                )
                self.refused("header_timeout")
            else:
                self.transport.abort()

    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer without the application, and close."""
        if self._is_answered():
            body = problem(status, code, detail)
            head = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()


def connection_class(limits: LimitSettings, refused: Callable[[Refusal], None]) -> type[Connection]:
    """The protocol of a server with these limits."""
    return type("LimitedConnection", (Connection,), {"limits": limits, "refused": staticmethod(refused)})


async def sweep(connections: Callable[[], Iterable[Any]]) -> None:
    """Close connections whose time is over, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_S)
        now = loop.time()
        for each in list(connections()):
            each.expire(now)
