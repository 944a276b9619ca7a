"""Which of the two versions of a rollout answers a request.

How a key gets its version is in `governance.rollout.assignment`; which key a request has, in `protocols`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.governance.rollout.assignment import gets_candidate
from mlreg_dagster.serving.following.names import Served
from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.scoring.model import NoFiniteScore


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

    Rows that lack features of the candidate stay with the champion, and outside of the rollout: no key can make them
    fit.

    Args:
        served: What the alias means now.
        asked: The request, with the columns of `served.model`.
        key: The routing key.
    """
    rollout = served.rollout
    if rollout is None or rollout.candidate is None or asked.X is None:
        return chosen(served, key), asked
    own = served.model.features
    if own != rollout.candidate.features and not set(rollout.candidate.features) <= set(own):
        return replace(served, rollout=None, arm=None), asked
    arm = chosen(served, key)
    if arm.model.features == own:
        return arm, asked
    return arm, replace(asked, X=columns_of(asked.X, own, arm.model.features))


def columns_of(X: NDArray[np.float64], own: Sequence[str], wanted: Sequence[str]) -> NDArray[np.float64]:
    """Rows with the columns that a version takes, in its order.

    Args:
        X: The rows.
        own: The names of their columns.
        wanted: The features of the version, all of them among `own`.
    """
    place = {name: number for number, name in enumerate(own)}
    return np.ascontiguousarray(X[:, [place[name] for name in wanted]])


def are_too_far_out(named: Served, asked: Asked) -> bool:
    """Whether rows for which a candidate has no finite score have none by the champion, either.

    Then a client has sent nonsense, and nothing speaks against the candidate.

    Args:
        named: What the alias means.
        asked: The request, with the columns of `named.model`.
    """
    rollout = named.rollout
    if rollout is None or asked.X is None:  # rows of the newest hour are none of a client
        return False
    champion = rollout.champion if named.arm == "candidate" else named.model
    own = named.model.features
    if champion is None or not set(champion.features) <= set(own):
        return True
    try:
        champion.score(columns_of(asked.X, own, champion.features))
    except NoFiniteScore:
        return True
    return False
