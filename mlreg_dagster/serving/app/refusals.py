"""Why a request gets no answer: refusals of the server itself, and the status of each error of the other rooms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.market.features.provenance import OtherFeatureSettings
from mlreg_dagster.registry import AliasSuspended, Suspension
from mlreg_dagster.serving.following.names import NotLoaded, UnknownName
from mlreg_dagster.serving.log.writer import LogFailed
from mlreg_dagster.serving.metrics import Refusal as Reason
from mlreg_dagster.serving.online.latest import NoLatestHour, StaleHour, UnknownInstrument
from mlreg_dagster.serving.protocols.problems import BadRequest, Refused, TooLarge, UnsupportedMediaType
from mlreg_dagster.serving.scoring.model import NoFiniteScore
from mlreg_dagster.serving.scoring.reasons import NoReasons

RETRY_AFTER_S = 1


class ClientGone(Exception):
    """The client closed the connection before its request was whole; there is nobody to answer."""


class NotFound(Refused):
    """No route has this path."""

    status = 404
    code = "not_found"


class UnknownModel(Refused):
    """A path names no model."""

    status = 404
    code = "unknown_model"


class MethodNotAllowed(Refused):
    """The route does not know this method."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class NoKey(Refused):
    """A key is needed, and the request has none or one that is not known."""

    status = 401
    code = "unauthorized"


class ScopeMissing(Refused):
    """The key may not do this."""

    status = 403
    code = "forbidden"


class TooManyRequests(Refused):
    """The key has used up its rate."""

    status = 429
    code = "rate_limited"

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class BodyTooLate(Refused):
    """The body did not arrive in time."""

    status = 408
    code = "body_timeout"


class BodyTooLarge(Refused):
    """The body is larger than the server takes."""

    status = 413
    code = "too_large"


class Overloaded(Refused):
    """The server does all that it may at once."""

    status = 503
    code = "overloaded"


class AnswerTooLate(Refused):
    """The answer was not made in time."""

    status = 503
    code = "request_timeout"


class NotReady(Refused):
    """The server, or a model, can't answer yet."""

    status = 503
    code = "not_ready"


class KeysGone(Refused):
    """The file of keys can't be read now, so that no key is known."""

    status = 503
    code = "keys_unreadable"


@dataclass(frozen=True)
class Refusal:
    """How an error is answered.

    Attributes:
        status: Of HTTP.
        code: A word that programs may compare.
        detail: A sentence.
        reason: By which it is counted; None: not counted as one.
        headers: Further ones of the answer.
        suspension: Of the alias, where that is why.
    """

    status: int
    code: str
    detail: str
    reason: Reason | None
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())
    suspension: Suspension | None = None


_REASONS: Mapping[type[Refused], Reason] = {
    NoKey: "key",
    KeysGone: "key",
    ScopeMissing: "scope",
    TooManyRequests: "rate",
    Overloaded: "concurrency",
    BodyTooLate: "body_timeout",
    AnswerTooLate: "request_timeout",
    BodyTooLarge: "body_size",
    TooLarge: "rows",
    BadRequest: "malformed",
    MethodNotAllowed: "malformed",
    UnsupportedMediaType: "malformed",
    NotReady: "model",
    UnknownModel: "model",
}
_CLOSE = (b"connection", b"close")
_CLOSING = (BodyTooLate, BodyTooLarge)
"""After which the rest of a body may still come: the connection can't be used again."""


_OF_OTHER_ROOMS: Mapping[type[MlregError], tuple[int, str, Reason]] = {
    UnknownName: (404, "unknown_model", "model"),
    NotLoaded: (503, "not_loaded", "model"),
    AliasSuspended: (503, "suspended", "suspended"),
    NoReasons: (409, "no_reasons", "model"),
    NoFiniteScore: (400, "no_finite_score", "malformed"),
    UnknownInstrument: (404, "unknown_instrument", "features"),
    NoLatestHour: (503, "no_latest_hour", "features"),
    StaleHour: (503, "stale_hour", "features"),
    OtherFeatureSettings: (409, "other_feature_settings", "features"),
    LogFailed: (503, "log_failed", "log"),
}


def refusal_of(error: MlregError) -> Refusal | None:
    """How an error is answered; None where no request should meet it: a defect."""
    if isinstance(error, Refused):
        reason = next((_REASONS[each] for each in type(error).__mro__ if each in _REASONS), None)
        return Refusal(error.status, error.code, str(error), reason, _headers(error))
    for each in type(error).__mro__:
        if found := _OF_OTHER_ROOMS.get(each):
            status, code, reason = found
            suspension = error.suspension if isinstance(error, AliasSuspended) else None
            return Refusal(status, code, str(error), reason, _retry(RETRY_AFTER_S) if status == 503 else (), suspension)
    return None


def failure_of(error: Exception) -> Literal["error", "not_finite"] | None:
    """How a version has failed, where an error while it scored is its own; None: of the request, or of the server."""
    if isinstance(error, NoFiniteScore):
        return "not_finite"
    if isinstance(error, MlregError) and not isinstance(error, _OF_VERSION) and refusal_of(error) is not None:
        return None
    return "error"


_OF_VERSION = (AnswerTooLate, OtherFeatureSettings)
"""Errors that clients are told, and that another version might not meet."""


def _headers(error: Refused) -> tuple[tuple[bytes, bytes], ...]:
    if isinstance(error, MethodNotAllowed):
        return ((b"allow", error.allowed.encode()),)
    if isinstance(error, NoKey):
        return ((b"www-authenticate", b"Bearer"),)
    if isinstance(error, TooManyRequests):
        return _retry(max(1, int(-(-error.wait_s // 1))))
    if isinstance(error, _CLOSING):
        return (_CLOSE,)
    return _retry(RETRY_AFTER_S) if error.status == 503 else ()


def _retry(seconds: int) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"retry-after", str(seconds).encode()),)
