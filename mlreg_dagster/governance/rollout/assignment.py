"""Assigns requests to one of two versions: sticky by key, and nested, so that a growing weight takes no key back."""

from hashlib import blake2b

from mlreg_dagster.registry.records.traffic import WHOLE


def bucket(salt: str, key: str) -> int:
    """The bucket of a routing key, 0 … 9,999: evenly spread, the same in every process.

    Args:
        salt: Of the rollout, so that two rollouts cut the keys in two ways.
        key: The instrument, a header of the request, or the request's id.
    """
    digest = blake2b(key.encode(), key=blake2b(salt.encode(), digest_size=16).digest(), digest_size=8).digest()
    return int.from_bytes(digest) % WHOLE


def gets_candidate(salt: str, key: str, weight: int) -> bool:
    """Whether a request goes to the candidate.

    Args:
        salt: Of the rollout.
        key: The routing key.
        weight: Share of the candidate, in basis points.
    """
    return bucket(salt, key) < weight
