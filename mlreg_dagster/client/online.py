"""Has rows scored by a running server, over HTTP; needs no home, and neither scikit-learn nor the model's files.

Scores of the home's own models, without a server, are in `client.model`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import msgspec
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from mlreg_dagster.client.wire import (
    HOUR,
    INSTRUMENT,
    OnlineScores,
    ServerRefused,
    ServerUnavailable,
    TryAgain,
    error_of,
    read_scores,
    refuse_form,
    tensor,
)
from mlreg_dagster.core.untrusted.http import NotConnected, NoWholeAnswer, exchange
from mlreg_dagster.core.untrusted.redaction import blotted, key_from_environment, shown_url
from mlreg_dagster.core.untrusted.unpacking import TooLarge
from mlreg_dagster.serving.protocols.problems import BadRequest
from mlreg_dagster.serving.protocols.routing_key import HEADER, key_of_header

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DEFAULT_URL", "KEY", "OnlineClient", "OnlineScores", "ServerRefused", "ServerUnavailable"]

KEY = "MLREG_SERVING_KEY"
"""The environment variable that holds the key to a server."""

DEFAULT_URL = "http://127.0.0.1:8808"
_SETTINGS = "feature_settings"
_LARGEST_ANSWER, _LARGEST_PROBLEM = 1 << 28, 1 << 16


class OnlineClient:
    """A running server, `mlreg serve`.

    A request is repeated only where the server certainly did not answer it: no connection was made, or it said that it
    is too busy (429, 503). What broke off half-way is not: an answer may be in the server's log already.

    Args:
        url: Of its public port.
        key: An API key; None: what MLREG_SERVING_KEY holds, if anything. It is sent to this URL alone, and never shown.
        timeout_s: For a whole answer.
        attempts: How often a request is tried.

    Raises:
        ServerRefused: The URL is none.
        UnusableSecret: The variable holds no key.
    """

    def __init__(
        self, url: str = DEFAULT_URL, key: str | None = None, *, timeout_s: float = 30.0, attempts: int = 4
    ) -> None:
        self._key = key or key_from_environment(KEY)
        headers = {"Accept-Encoding": "gzip", "Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            if httpx.URL(url).scheme not in {"http", "https"}:
                raise ValueError  # reported below
            self._requests = httpx.Client(base_url=url, headers=headers, trust_env=False)  # it builds them alone
        except (httpx.InvalidURL, ValueError):
            raise ServerRefused(
                f"{shown_url(url)} is no address of a server, or the key is none. Write http://host:8808."
            ) from None
        self.url = shown_url(url)
        self._timeout_s, self._attempts = timeout_s, attempts
        self._backoff = wait_random_exponential(multiplier=0.1, max=5)

    def __repr__(self) -> str:
        return f"OnlineClient({self.url!r})"

    def score(
        self,
        rows: "pd.DataFrame | Sequence[str]",
        model: str = "champion",
        *,
        reasons: bool = False,
        request_id: str | None = None,
        routing_key: str | None = None,
    ) -> OnlineScores:
        """Have rows scored, by one version all of them.

        Args:
            rows: A frame with the model's features, in any order, and `instrument_id` and `hour` where known; null is
                unknown. Of rows of `market_features` the model's features are taken. Or keys of instruments, which are
                scored by the newest hour that the server knows.
            model: An alias or a version.
            reasons: Whether to ask why each row has its score.
            request_id: A name for the request, which the server logs.
            routing_key: Requests with one key get one version while the alias is rolled out.

        Raises:
            ServerRefused: The server refuses the request, and says why; or the rows can't be sent.
            ServerUnavailable: No answer came.
        """
        columns = self._columns(rows, model)
        body: dict[str, Any] = {"inputs": [tensor(name, values) for name, values in columns.items()]}
        if request_id:
            body["id"] = request_id
        if reasons:
            outputs = ("score", "is_anomaly", "distance", "training_quantile", "reasons")
            body["outputs"] = [{"name": name} for name in outputs]
        path, content = f"/v2/models/{quote(model, safe='')}/infer", msgspec.json.encode(body)
        answered = self._ask("POST", path, content, {} if routing_key is None else {HEADER: _checked(routing_key)})
        return read_scores(answered, rows, self.url)

    def features(self, model: str = "champion") -> list[str]:
        """The features that a model takes, in its order; the key needs the scope `read`.

        Raises:
            ServerRefused, ServerUnavailable: As for `score`.
        """
        described = self._ask("GET", f"/v2/models/{quote(model, safe='')}")
        try:
            return [str(each["name"]) for each in described["inputs"]]
        except (LookupError, TypeError):
            refuse_form(self.url)

    def _columns(self, rows: "pd.DataFrame | Sequence[str]", model: str) -> "Mapping[str, Any]":
        import pandas as pd

        if not isinstance(rows, pd.DataFrame):
            if isinstance(rows, str):
                raise ServerRefused(f"{rows!r} is one text. Send a list of instruments: [{rows!r}].")
            return {INSTRUMENT: list(rows)}
        if _SETTINGS in rows.columns:
            wanted = self.features(model)
            keys = [name for name in (INSTRUMENT, HOUR) if name in rows.columns]
            rows = rows[[*keys, *(name for name in wanted if name in rows.columns)]]
        if rows.columns.has_duplicates:
            raise ServerRefused("Two columns of the rows have one name. Send each feature once.")
        return {str(name): rows[name] for name in rows.columns}

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
        request = self._requests.build_request(method, path, content=body, headers=headers)
        retrying = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=self._wait_s,
            retry=retry_if_exception_type(TryAgain),
            reraise=True,
        )
        try:
            return retrying(self._send, request)
        except TryAgain as error:
            raise ServerUnavailable(f"{error} Gave up after {self._attempts} attempts.") from None

    def _send(self, request: httpx.Request) -> Any:
        try:
            answer = exchange(
                request,
                timeout_s=self._timeout_s,
                deadline_s=self._timeout_s,
                largest=_LARGEST_ANSWER,
                beginning=_LARGEST_PROBLEM,
            )
        except NotConnected as error:
            raise TryAgain(f"{self.url} can't be reached: {blotted(str(error), [self._key])}.") from None
        except NoWholeAnswer as error:
            raise ServerUnavailable(
                f"{self.url} gave no whole answer: {blotted(str(error), [self._key])}. It may have scored the rows, "
                f"and logged them."
            ) from None
        except TooLarge as error:
            raise ServerRefused(f"{self.url}: the answer is too large ({error}). Send fewer rows.") from None
        if httpx.codes.is_success(answer.status):
            try:
                return json.loads(answer.body)
            except ValueError:
                refuse_form(self.url)
        raise error_of(answer, self.url, self._key)

    def _wait_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, TryAgain) else None
        return self._backoff(state) if asked is None else asked


def _checked(routing_key: str) -> str:
    try:
        return key_of_header(routing_key)
    except BadRequest as error:
        raise ServerRefused(str(error)) from None
