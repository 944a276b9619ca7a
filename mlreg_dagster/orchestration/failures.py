"""Messages of failed steps, for people."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

_WRAPPING = ("Dagster", "RetryRequested")
_OURS = "mlreg_dagster."


def is_for_people(error: "SerializableErrorInfo | None") -> bool:
    """Whether the error is one that this project raises on purpose, with a message for people."""
    innermost = _innermost(error)
    return innermost is not None and innermost.message.startswith(_OURS)


def reason_of(error: "SerializableErrorInfo | None") -> str:
    """The error within Dagster's wrapping; one of ours says enough without the name of its class."""
    innermost = _innermost(error)
    if innermost is None:
        return "No reason was recorded."
    text = innermost.message.strip()
    return text.split(": ", 1)[-1] if text.startswith(_OURS) else text


def _innermost(error: "SerializableErrorInfo | None") -> "SerializableErrorInfo | None":
    """The error within Dagster's wrapping."""
    while error is not None and error.cause is not None and str(error.cls_name).startswith(_WRAPPING):
        error = error.cause
    return error
