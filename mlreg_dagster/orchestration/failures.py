"""Messages of failed steps, for people."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

_WRAPPING = ("Dagster", "RetryRequested")
_OURS = "mlreg_dagster."


def is_for_people(error: "SerializableErrorInfo | None") -> bool:
    """Whether the error is one that this project raises on purpose, with a message for people."""
    found = _innermost(error)
    return found is not None and found.message.startswith(_OURS)


def reason_of(error: "SerializableErrorInfo | None") -> str:
    """The error within Dagster's wrapping; one of ours says enough without the name of its class."""
    found = _innermost(error)
    if found is None:
        return "No reason was recorded."
    text = found.message.strip()
    return text.split(": ", 1)[-1] if text.startswith(_OURS) else text


def _innermost(error: "SerializableErrorInfo | None") -> "SerializableErrorInfo | None":
    """The error within Dagster's wrapping."""
    while error is not None and error.cause is not None and str(error.cls_name).startswith(_WRAPPING):
        error = error.cause
    return error
