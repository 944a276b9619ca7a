"""Answers as the server makes them, without a server."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np

from mlreg_dagster.serving.following.names import Served

AT = datetime(2026, 11, 26, 12, 0, 30, 123456, tzinfo=UTC)
SHA256 = "ab" * 32
FEATURES = ("change_1h_pct", "change_24h_pct", "log_market_cap")


def answer(
    rows: int = 1,
    *,
    at: datetime = AT,
    version: str = "v1",
    instruments: tuple[str, ...] | None = None,
    hours: tuple[str, ...] | None = None,
    scores: list[float] | None = None,
    threshold: float = 0.5,
    **other: Any,
) -> Any:
    """An answer of some rows; the second feature of each is unknown."""
    X = np.arange(rows * len(FEATURES), dtype=np.float64).reshape(rows, -1) / 7
    X[:, 1] = np.nan
    found = np.asarray(scores if scores is not None else np.linspace(0.4, 0.6, rows), dtype=np.float64)
    model: Any = SimpleNamespace(version=version, sha256=SHA256, features=FEATURES)
    values = {
        "served": Served("champion", "champion", 3, None, model),
        "answer_id": uuid4().hex,
        "request_id": "r-1",
        "answered_at": at,
        "instruments": instruments,
        "hours": hours,
        "X": X,
        "scores": found,
        "flags": found > threshold,
        "threshold": SimpleNamespace(value=threshold, policy="fixed_share", hour=at, source="hour"),
        "distances": found - threshold,
        "quantiles": np.full(rows, 0.9),
        "knowledge_age_seconds": 0.2,
        "stale": False,
    }
    return SimpleNamespace(**(values | other))
