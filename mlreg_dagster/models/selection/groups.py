"""Groups of features that stand or fall together: what an hour shows, with its logarithm, its lags and its windows."""

import re
from collections.abc import Sequence

_OF_THE_PAST = re.compile(r"_(lag|mean|std)_\d+h$")


def group_of(feature: str) -> str:
    """The base feature that a feature is made of.

    Examples:
        >>> [group_of(name) for name in ("slog_volume_24h_mean_6h", "slog_volume_24h", "change_1h_pct_lag_24h")]
        ['volume_24h', 'volume_24h', 'change_1h_pct']
    """
    return _OF_THE_PAST.sub("", feature).removeprefix("slog_")


def groups_of(features: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The members of each group, in the order of the features."""
    names = [group_of(name) for name in features]
    return {
        group: tuple(name for name, each in zip(features, names, strict=True) if each == group)
        for group in dict.fromkeys(names)
    }
