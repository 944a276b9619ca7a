"""What a failed step says to people."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

_WRAPPING = ("Dagster", "RetryRequested")


def reason_of(error: "SerializableErrorInfo | None") -> str:
    """The error within Dagster's wrapping; one of ours says enough without the name of its class."""
    while error is not None and error.cause is not None and str(error.cls_name).startswith(_WRAPPING):
        error = error.cause
    if error is None:
        return "No reason was recorded."
    text = error.message.strip()
    return text.split(": ", 1)[-1] if text.startswith("mlreg_dagster.") else text
