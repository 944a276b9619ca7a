"""What a server follows in tests: an alias with a rollout, without a registry."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config.sections.rollout import RolloutSettings
from mlreg_dagster.serving.following.names import Served, ServedRollout

FEATURES = ("change_1h_pct", "change_24h_pct", "log_market_cap")
SETTINGS = RolloutSettings(flush_seconds=0.05)
SALT = "0123456789abcdef"


class Model:
    """A version whose score is the sum of its features, times a factor; a real one is in `following`'s tests."""

    def __init__(self, version: str, features: Sequence[str] = FEATURES, factor: float = 1.0) -> None:
        self.version, self.features, self.factor = version, tuple(features), factor
        self.training_threshold, self.policy = 10.0, SimpleNamespace(policy="fixed_share")
        self.seen: list[NDArray[np.float64]] = []

    def score(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        self.seen.append(X)
        return self.factor * X.sum(axis=1)


def served(arm: str | None = "champion", *, sequence: int = 5, candidate: Any = None, **other: Any) -> Served:
    """The champion of an alias with a rollout, or its candidate where it answers."""
    found = candidate if candidate is not None else Model("v8")
    values: dict[str, Any] = {
        "rollout": 4, "sequence": sequence, "state": "canary_5", "weight": 500, "shadow": True, "salt": SALT,
        "candidate": found, "unloadable": None,
    }  # fmt: skip
    rollout = ServedRollout(**(values | other))
    model: Any = found if arm == "candidate" else Model("v7")
    return Served("champion", "champion", 3, None, model, rollout, arm)  # type: ignore[arg-type]
