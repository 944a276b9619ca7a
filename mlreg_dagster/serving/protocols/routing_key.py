"""The key by which a request gets one of the two versions of a rollout. How it gets it is in `serving.rollout`."""

import re
from collections.abc import Sequence

from mlreg_dagster.serving.protocols.problems import BadRequest

HEADER = "X-Routing-Key"
PATTERN = "^[!-~]([ -~]{0,198}[!-~])?$"
"""Of the header: printable ASCII, at most 200 characters, no space at the ends."""

_ROUTING_KEY = re.compile(PATTERN)


def routing_key(header: str | None, instruments: Sequence[str] | None, request_id: str) -> str:
    """The key of a request: its header, else the instrument where it names exactly one, else its id.

    Args:
        header: The header `X-Routing-Key`; None where there is none.
        instruments: Of each row; None where the request names none.
        request_id: As the server calls the request.

    Raises:
        BadRequest: The header has another form.
    """
    if header is not None:
        return key_of_header(header)
    if instruments and len(set(instruments)) == 1:
        return instruments[0]
    return request_id


def key_of_header(header: str) -> str:
    """The key that a header holds.

    Raises:
        BadRequest: It has another form.
    """
    if not _ROUTING_KEY.fullmatch(header):
        raise BadRequest(f"The header {HEADER} is no key: send 1 to 200 printable characters of ASCII.")
    return header
