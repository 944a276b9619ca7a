"""Counts of servers as the tests of rollouts have them: a minute each, without a fault unless one is named."""

import hashlib

import pandas as pd

from mlreg_dagster.storage.rollout_counts import ArmCounts, Counted, CountedPeriod

BEGIN = pd.Timestamp("2018-01-01", tz="UTC")
MINUTE = pd.Timedelta(minutes=1)
SECONDS = 50  # of each minute have requests


def arm(requests: int = 300, **changes) -> ArmCounts:
    values = {
        "requests": requests,
        "rows": 10 * requests,
        "flagged": requests // 2,  # 5 %
        "cpu_seconds": requests * 0.001,
        "seconds": min(SECONDS, requests),
    }
    return ArmCounts(**values | changes)


def keys(count: int, first: int = 0) -> frozenset[str]:
    return frozenset(hashlib.blake2b(str(first + each).encode(), digest_size=8).hexdigest() for each in range(count))


def period(minute: int, **changes) -> CountedPeriod:
    values = {
        "process": "p1",
        "sequence": 3,
        "first": (BEGIN + minute * MINUTE).to_pydatetime(),
        "last": (BEGIN + (minute + 1) * MINUTE).to_pydatetime(),
        "champion": arm(),
        "candidate": arm(),
        "shadow": ArmCounts(),
        "answers": 600,
    }
    return CountedPeriod(**values | changes)


def counted(minutes: int = 5, **changes) -> Counted:
    """The same minute over and over."""
    return Counted(tuple(period(minute, **changes) for minute in range(minutes)))
