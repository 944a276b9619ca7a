"""The root of every error that this project raises on purpose.

Errors of one room live in that room; each derives from `MlregError`, so that the command line can tell a
message meant for a person from a defect of ours.
"""


class MlregError(Exception):
    """Something a person can mend; the message says what was wrong, where, and what to do."""


class TransientError(MlregError):
    """Something that passes by itself; the same step may succeed a little later."""
