"""Turns faults of object stores into errors for users: no bucket, no permission, no answer."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.core.untrusted.redaction import shown_url
from mlreg_dagster.storage.faults import StorageNotWritable

_CLIENTS = {"aiobotocore", "aiohttp", "azure", "botocore", "fsspec", "gcsfs", "google"}
_PASSING_STATUS = {408, 409, 429, *range(500, 600)} - {501}
_PASSING_CODES = {"ConditionalRequestConflict", "InternalError", "OperationAborted", "RequestTimeout", "SlowDown"}
_PASSING_ERRNO = {errno.EBUSY, errno.ETIMEDOUT, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH}
_KEYS = {
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "NoCredentialsError",
    "PartialCredentialsError",
    "TokenRefreshRequired",
}
_ADVICE = "Look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL, or the like"


class StoreRefused(StorageNotWritable):
    """An object store has no such bucket, does not let this user in, or can't do what is needed."""


class StoreUnreachable(TransientError):
    """An object store can't be reached, is overloaded or did not answer in time; a retry may succeed."""


@contextmanager
def answered(place: object) -> Iterator[None]:
    """Turn what the client of an object store raises into an error that names `place`.

    What an error says itself is not repeated where it may hold an address with a password, a key or a signature: its
    code and kind alone are.

    Raises:
        StoreRefused: The store refuses, and will again.
        StoreUnreachable: It may answer later.
        FileNotFoundError: There is no such object; a bucket that is not there is refused.
        FileExistsError: There is one already.
    """
    try:
        yield
    except MlregError:
        raise
    except Exception as error:
        if (fault := _fault_in(error, place)) is None:
            raise
        raise fault from None  # whose text may show what is secret


def _fault_in(error: Exception, place: object) -> MlregError | None:
    code, status = said_by(error)
    shown = shown_url(str(place))
    if code == "NoSuchBucket":
        return StoreRefused(f"{shown}: there is no such bucket. Make it with the tools of the store.")
    if isinstance(error, (FileNotFoundError, FileExistsError)):
        return None
    kind = type(error).__name__
    if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in _CLIENTS:
        return None
    if code in _KEYS or kind in _KEYS:
        return StoreRefused(f"{shown}: the store takes no keys, or not these ({code or kind}). {_ADVICE}.")
    if status in {401, 403} or isinstance(error, PermissionError):
        return StoreRefused(
            f"{shown}: the store denies it ({code or status or kind}). Let the owner of the bucket allow this user to "
            f"list, read, write and delete objects there, then run this again."
        )
    passing = status in _PASSING_STATUS or code in _PASSING_CODES or getattr(error, "errno", None) in _PASSING_ERRNO
    if passing or (status is None and code is None and _is_of_the_network(error)):
        return StoreUnreachable(
            f"{shown}: the store can't be reached, or did not answer in time ({code or status or kind}). "
            f"Nothing is known to be stored. {_ADVICE}, and at the network; then run this again."
        )
    return StoreRefused(f"{shown}: the store can't do this ({code or status or kind}). {_ADVICE}.")


def _is_of_the_network(error: Exception) -> bool:
    names = {each.__name__ for each in type(error).__mro__}
    return isinstance(error, (TimeoutError, ConnectionError)) or any(
        sign in name for name in names for sign in ("Timeout", "Connect", "HTTPClientError", "ClientPayload")
    )


def said_by(error: BaseException | None) -> tuple[str | None, int | None]:
    """The code and the HTTP status that a store answered with, as far as an error of its client tells."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            code = response.get("Error", {}).get("Code")
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            return (None if code is None or str(code).isdigit() else str(code)), status
        if isinstance(code := getattr(error, "code", None), int):  # of gcsfs
            return None, code
        error = error.__cause__
    return None, None
