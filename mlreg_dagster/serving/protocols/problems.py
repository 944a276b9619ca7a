"""What is wrong with a request, as an exception with a status and as a problem document (RFC 9457).

Errors of other rooms (an unknown model, a stale hour, a full log) live there; the routes give each its status.
"""

from http import HTTPStatus
from typing import ClassVar

import msgspec

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.registry.records.suspensions import Suspension

MEDIA_TYPE = "application/problem+json"


class Refused(MlregError):
    """A request that is not answered; the message is one sentence that quotes nothing of the request."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"


class BadRequest(Refused):
    """The form of the request is wrong: its JSON, its bytes, its names, its lengths."""


class TooLarge(Refused):
    """The request has more rows than the server takes at once."""

    status = 413
    code = "too_large"


class UnsupportedMediaType(Refused):
    """The body is of a kind that this route does not read."""

    status = 415
    code = "unsupported_media_type"


class SuspendedAlias(msgspec.Struct, frozen=True, kw_only=True):
    """An alias whose holder does not score.

    Attributes:
        alias: Which one.
        version: The version that held it when it was suspended.
        artifact_sha256: Of its bundle.
        since: From when on.
        by: Who suspended it.
        reason: Why.
        sequence: Of the suspension.
    """

    alias: str
    version: str
    artifact_sha256: str
    since: str
    by: str
    reason: str
    sequence: int


def suspended_alias(suspension: Suspension) -> SuspendedAlias:
    """What answers say of a suspension."""
    return SuspendedAlias(
        alias=suspension.alias,
        version=suspension.version,
        artifact_sha256=suspension.artifact_sha256,
        since=suspension.effective_at.isoformat().replace("+00:00", "Z"),
        by=suspension.actor,
        reason=suspension.reason,
        sequence=suspension.sequence,
    )


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A problem document.

    Attributes:
        type: Always `about:blank`: `code` distinguishes problems of one status.
        title: The name of the status.
        status: That of the answer.
        detail: One sentence: what was wrong, where, and what to do.
        code: A word that programs may compare.
        error: As `detail`; the member that the Open Inference Protocol and its clients read.
        suspension: Of the alias that was asked for, where that is why.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    error: str
    suspension: SuspendedAlias | msgspec.UnsetType = msgspec.UNSET


def problem(status: int, code: str, detail: str, suspension: Suspension | None = None) -> bytes:
    """A problem document; its media type is `MEDIA_TYPE`."""
    return msgspec.json.encode(
        Problem(
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            code=code,
            error=detail,
            suspension=msgspec.UNSET if suspension is None else suspended_alias(suspension),
        )
    )


def problem_of(refused: Refused) -> bytes:
    """The problem document of a refusal."""
    return problem(refused.status, refused.code, str(refused))
