"""How a gate is measured: one that can't be computed fails and says why."""

from collections.abc import Callable

import numpy as np

from mlreg_dagster.registry import GateResult


class NotComputable(Exception):
    """Why a gate has no value."""


def gate(
    name: str, measure: Callable[[], tuple[float, str]], threshold: str, passes: Callable[[float], bool]
) -> GateResult:
    """Measure a gate and hold it against its threshold.

    Args:
        name: The gate.
        measure: Gives the value, and for people what it was measured from; raises NotComputable if there is none.
        threshold: What is asked, in words.
        passes: Whether a value does.
    """
    try:
        value, detail = measure()
        if not np.isfinite(value):
            raise NotComputable(f"the value is {value}.")
    except NotComputable as reason:
        return GateResult(name, passed=False, value=None, threshold=threshold, detail=f"Not computable: {reason}")
    return GateResult(name, passed=bool(passes(value)), value=float(value), threshold=threshold, detail=detail)
