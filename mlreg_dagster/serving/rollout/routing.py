"""Which of the two versions of a rollout answers a request.

How a key gets its version is in `governance.rollout.assignment`.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mlreg_dagster.governance.rollout.assignment import gets_candidate
from mlreg_dagster.serving.following.names import Served
from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.protocols.problems import BadRequest

HEADER = "X-Routing-Key"
PATTERN = "^[!-~]([ -~]{0,198}[!-~])?$"
"""Of the header: printable ASCII, at most 200 characters, no space at the ends."""

_ROUTING_KEY = re.compile(PATTERN)


def routing_key(header: str | None, instruments: Sequence[str] | None, request_id: str) -> str:
    """The key by which a request is assigned: requests with one key get one version.

    Args:
        header: The header `X-Routing-Key`, where it was sent.
        instruments: Of each row, where the request names them.
        request_id: As the server calls the request.

    Raises:
        BadRequest: The header has a forbidden form.
    """
    if header is not None:
        if not _ROUTING_KEY.fullmatch(header):
            raise BadRequest(f"The header {HEADER} is no key: send 1 to 200 printable characters of ASCII.")
        return header
    if instruments and len(set(instruments)) == 1:
        return instruments[0]
    return request_id


def chosen(served: Served, key: str) -> Served:
    """The version that answers a request; the champion where the candidate can't be loaded.

    Args:
        served: What the alias means now.
        key: The routing key.
    """
    rollout = served.rollout
    if rollout is None or rollout.candidate is None or served.arm == "candidate":
        return served
    if not gets_candidate(rollout.salt, key, rollout.weight):
        return served
    return replace(served, model=rollout.candidate, arm="candidate")


def routed(served: Served, asked: Asked, key: str) -> tuple[Served, Asked]:
    """The version that answers a request, and the request as that version takes it.

    Rows with features that the candidate does not take stay with the champion, and outside of the rollout: no key can
    make them fit.

    Args:
        served: What the alias means now.
        asked: The request, with the columns of `served.model`.
        key: The routing key.
    """
    rollout = served.rollout
    if rollout is None or rollout.candidate is None or asked.X is None:
        return chosen(served, key), asked
    own = served.model.features
    if own != rollout.candidate.features and set(own) != set(rollout.candidate.features):
        return replace(served, rollout=None, arm=None), asked
    arm = chosen(served, key)
    if arm.model.features == own:
        return arm, asked
    place = {name: number for number, name in enumerate(own)}
    columns = [place[name] for name in arm.model.features]
    return arm, replace(asked, X=np.ascontiguousarray(asked.X[:, columns]))
