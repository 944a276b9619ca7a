"""One HTTP request whose answer is bounded: in the time until its last byte, and in what it packs and unpacks to.

httpx bounds the pause between two pieces alone: a server that sends a byte now and then is never done.
"""

import asyncio
import os
import ssl
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import httpx

from mlreg_dagster.core.untrusted.redaction import quiet_http_log
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.core.untrusted.unpacking import Receiver, TooLarge


@dataclass(frozen=True)
class Answer:
    """The answer of a server.

    Attributes:
        status: The HTTP status.
        headers: As received.
        body: Unpacked; of an answer that is no success only its beginning.
    """

    status: int
    headers: httpx.Headers
    body: bytes


class NoWholeAnswer(Exception):
    """No complete answer came; the message holds nothing that was sent."""


class NotConnected(NoWholeAnswer):
    """No connection was made: nothing was sent."""


def exchange(request: httpx.Request, *, timeout_s: float, deadline_s: float, largest: int, beginning: int) -> Answer:
    """Send a request and receive its answer; a redirection is not followed.

    Args:
        request: What is sent. It should accept gzip alone.
        timeout_s: For connecting, and between two pieces of the answer.
        deadline_s: For all of it.
        largest: Bytes of the body, received and unpacked.
        beginning: So much is received of the body of an answer that is no success.

    Raises:
        NotConnected: No connection was made.
        NoWholeAnswer: The connection failed, took too long, or the body is packed wrongly.
        TooLarge: The body is.
    """
    quiet_http_log()
    try:
        with ThreadPoolExecutor(1) as thread:  # the caller's may have an event loop already
            return thread.submit(asyncio.run, _exchange(request, timeout_s, deadline_s, largest, beginning)).result()
    except TimeoutError:
        raise NoWholeAnswer(f"there was no whole answer within {deadline_s:g} s") from None
    except TooLarge:
        raise
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NotConnected(one_line(f"{type(error).__name__}: {_reason(error)}", beginning)) from None
    except (httpx.HTTPError, httpx.InvalidURL, EOFError, zlib.error) as error:
        raise NoWholeAnswer(one_line(f"{type(error).__name__}: {_reason(error)}", beginning)) from None
    except ValueError:  # a proxy that is none: the error would show its address, password included
        raise NoWholeAnswer("it can't be sent; look at HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY") from None


async def _exchange(
    request: httpx.Request, timeout_s: float, deadline_s: float, largest: int, beginning: int
) -> Answer:
    client = httpx.AsyncClient(timeout=timeout_s, verify=_trusted())
    async with asyncio.timeout(deadline_s), client:
        response = await client.send(request, stream=True)
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if response.is_success and encoding not in {"", "identity", "gzip"}:
            raise httpx.DecodingError(f"it is packed as {one_line(encoding, 30)}, which was not asked for")
        receiver = Receiver(largest if response.is_success else beginning, packed=encoding == "gzip")
        try:
            async for piece in response.aiter_raw():
                receiver.take(piece)
            body = receiver.finish()
        except (TooLarge, EOFError, zlib.error):
            if response.is_success:
                raise
            body = bytes(receiver.body)
        return Answer(response.status_code, response.headers, body)


def _reason(error: BaseException) -> str:
    """The system's own message, where the system refused; httpx reports "all attempts failed" for anything."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return os.strerror(inner.errno) if inner.errno and inner.errno > 0 else inner.strerror
        inner = inner.__cause__ or inner.__context__
    return str(error)


@cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()
