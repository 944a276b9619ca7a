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


def questions(*, strict: bool) -> dict[str, str]:
    """The package's gates by name, and what each asks: strict ones, or those that every version must pass."""
    return {gate.name: gate.question for gate in GATES.values if gate.bounds is None and gate.strict == strict}
