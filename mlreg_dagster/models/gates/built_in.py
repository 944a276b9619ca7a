"""Registers the gates of the package; those of plug-ins come through `extensions.gate`."""

from collections.abc import Callable

from mlreg_dagster.extensions.gates import GATES, Gate, Measurement, Threshold
from mlreg_dagster.models.gates.context import GateContext

_Measure = Callable[[GateContext], Measurement]


def built_in(
    name: str, question: str, threshold: Callable[[GateContext], Threshold], *, strict: bool = False
) -> Callable[[_Measure], _Measure]:
    """Register the decorated function as a gate; see `extensions.Gate`."""

    def register(measure: _Measure) -> _Measure:
        GATES.add(name, Gate(name, question, measure, threshold, strict), measure)
        return measure

    return register
