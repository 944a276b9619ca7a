"""The base of every error that this project raises on purpose.

Errors of one room live in that room; each derives from `MlregError`, so that the command line
distinguishes a message for users from a defect of the project.
"""

from mlreg_dagster.core.untrusted.text import visible

_LONGEST = 8000


class MlregError(Exception):
    """An error that a user can fix; the message states what is wrong, where, and what to do.

    A message may quote what others wrote: a name, a payload, an answer. It is shown in terminals, logs and pages, so
    nothing in it acts there, and it is not longer than a person reads.
    """

    def __str__(self) -> str:
        """The message, fit to be shown."""
        return visible(super().__str__(), _LONGEST)


class TransientError(MlregError):
    """A transient failure; a retry may succeed."""
