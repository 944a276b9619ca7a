"""One polite HTTP client: paced requests, retries with back-off, `Retry-After` honoured.

The server is not trusted: how long a whole answer may take and how large it may be, packed and unpacked, is bounded
here, whatever it sends and however slowly.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from mlreg_dagster.core.untrusted.http import NoWholeAnswer, exchange
from mlreg_dagster.core.untrusted.redaction import blotted
from mlreg_dagster.core.untrusted.unpacking import LARGEST_PAYLOAD, TooLarge
from mlreg_dagster.market.sources.base import MalformedPayload, NotThere, RequestRefused, SourceUnavailable

_TOO_MANY_REQUESTS = 429
_SHOWN_BODY = 200
_LONGEST_NUMBER = 12
_WHOLE_ANSWER = 3  # times the timeout between two pieces
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reply:
    """A successful answer.

    Attributes:
        url: What was asked, without user or password.
        status: The HTTP status.
        body: The bytes as received, unpacked; a key of ours that is in them is blotted out.
    """

    url: str
    status: int
    body: bytes


class _TryAgain(SourceUnavailable):
    """A failure that may pass; `wait_s` is how long the server asked to wait, None = it did not say."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class HttpApi:
    """GET requests to one API.

    Args:
        base_url: What every path is appended to.
        headers: Sent with every request; never logged or shown.
        timeout_s: For connecting, and between two pieces of an answer; a whole answer may take three times as long.
        attempts: How often a request is tried before `SourceUnavailable`.
        max_wait_s: Longest wait before a retry; a longer `Retry-After` is an error.
        requests_per_minute: Requests, retries included, are at least this far apart.
        sleep: Waits for a number of seconds.
        largest: Most bytes of an answer, received and unpacked.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        timeout_s: float,
        attempts: int,
        max_wait_s: float,
        requests_per_minute: float,
        sleep: Callable[[float], None] = time.sleep,
        largest: int = LARGEST_PAYLOAD,
    ) -> None:
        # It builds requests alone; `exchange` sends them.
        self._client = httpx.Client(base_url=base_url, headers={**headers, "Accept-Encoding": "gzip"}, trust_env=False)
        self._secrets = (*headers.values(), self._client.base_url.password)
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._max_wait_s = max_wait_s
        self._interval_s = 60.0 / requests_per_minute
        self._next_at = 0.0
        self._sleep = sleep
        self._largest = largest
        self._backoff = wait_exponential_jitter(max=max_wait_s)

    def get(self, path: str, params: Mapping[str, str | int]) -> Reply:
        """Ask, and ask again after 429, 5xx, timeouts and lost connections.

        Raises:
            SourceUnavailable: No answer after the allowed attempts, or a longer wait asked for than allowed.
            RequestRefused: Any other status than 200; asking again would not help.
            MalformedPayload: The answer is too large, or packed in a way that was not asked for.
        """
        request = self._client.build_request("GET", path, params=dict(params))
        retrying = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=self._wait_s,
            retry=retry_if_exception_type(_TryAgain),
            sleep=self._sleep,
            reraise=True,
            before_sleep=_log_retry,
        )
        try:
            return retrying(self._send, request)
        except _TryAgain as error:
            raise SourceUnavailable(f"{error} Gave up after {self._attempts} attempts; run it again later.") from None

    def _send(self, request: httpx.Request) -> Reply:
        self._pace()
        url = str(request.url.copy_with(username=None, password=None))
        try:
            answer = exchange(
                request,
                timeout_s=self._timeout_s,
                deadline_s=self._timeout_s * _WHOLE_ANSWER,
                largest=self._largest,
                beginning=4 * _SHOWN_BODY,
            )
        except NoWholeAnswer as error:
            raise _TryAgain(blotted(f"{url}: {error}.", self._secrets)) from None
        except TooLarge as error:
            raise MalformedPayload(
                f"{url}: the answer is too large ({error}). Nothing of it was kept. Look at coingecko.base_url."
            ) from None
        status, body = answer.status, blotted(answer.body, self._secrets)
        if status == httpx.codes.OK:
            return Reply(url, status, body)
        failure = f"{url}: HTTP {status}: {body.decode(errors='replace')[:_SHOWN_BODY]!r}."
        if status != _TOO_MANY_REQUESTS and not httpx.codes.is_server_error(status):
            refused = NotThere if status == httpx.codes.NOT_FOUND else RequestRefused
            raise refused(f"{failure} Check the coingecko block of ingest.yaml and the API key.")
        wait_s = _retry_after_s(answer.headers)
        if wait_s is not None and wait_s > self._max_wait_s:
            raise SourceUnavailable(
                f"{failure} It asks to wait {wait_s:.0f} s, more than coingecko.max_wait_s "
                f"({self._max_wait_s:g} s). Run it again later."
            )
        raise _TryAgain(failure, wait_s)

    def _pace(self) -> None:
        now = time.monotonic()
        if self._next_at > now:
            self._sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._interval_s

    def _wait_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, _TryAgain) else None
        return self._backoff(state) if asked is None else asked


def _retry_after_s(headers: httpx.Headers) -> float | None:
    """Seconds that `Retry-After` asks to wait, measured from the server's own clock where it is a date."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value[:_LONGEST_NUMBER])
    try:
        until = parsedate_to_datetime(value)
        said_at = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return max((until - said_at).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError, IndexError):  # neither a number nor a date: the back-off decides
        return None


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    pause = state.next_action.sleep if state.next_action else 0.0
    _log.warning("Attempt %d failed, the next in %.1f s: %s", state.attempt_number, pause, error)
