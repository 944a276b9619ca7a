"""What a gate is: a question to a trained version, how it is measured, and what is asked of the measurement.

The gates of the package are defined in `models/gates`; plug-ins add theirs with the decorator `gate`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from mlreg_dagster.config.sections.evaluation import EvaluationSettings, GateBounds
from mlreg_dagster.extensions.registration.catalogue import Catalogue
from mlreg_dagster.extensions.registration.plugins import PluginError

_Measure = TypeVar("_Measure", bound=Callable[[Any], Any])


class NotComputable(Exception):
    """Why a gate has no value; the gate fails and says so."""


class NothingAsked(Exception):
    """Why a gate asks for nothing this time; the gate passes without a value and says so."""


@dataclass(frozen=True)
class Measurement:
    """What a gate measured.

    Attributes:
        value: The number that is shown and kept.
        detail: What it was measured from, in a sentence.
        second: A further number that the threshold bounds, too.
        interval: The ends `low` and `high` of the value's interval (None where they can't be told), and its spread: the
            value for each of the `seeds` and `days`. None: the gate has no interval.
    """

    value: float
    detail: str
    second: float = 0.0
    interval: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Threshold:
    """What is asked of a measurement.

    Attributes:
        text: In words.
        passes: Whether a measurement satisfies it.
    """

    text: str
    passes: Callable[[Measurement], bool]


@dataclass(frozen=True)
class Gate:
    """A gate.

    Attributes:
        name: Of the check on `evaluated_model`.
        question: What it asks, in a sentence.
        measure: Measures a version; its argument is a `models.gates.GateContext`. Raises NotComputable
            or NothingAsked.
        threshold: What the configuration asks of the measurement, from the same argument.
        strict: Whether only those risk tiers of promotion.yaml ask for it that name it; else every version must pass.
        bounds: Default bounds of a plug-in's gate, which `evaluation.yaml: gates` overrides.
    """

    name: str
    question: str
    measure: Callable[[Any], Measurement]
    threshold: Callable[[Any], Threshold]
    strict: bool = False
    bounds: Mapping[str, float | None] | None = None


GATES: Catalogue[Gate] = Catalogue("gate")
"""Every gate, in the order in which it is shown."""


def between(at_least: float | None = None, at_most: float | None = None) -> Threshold:
    """A threshold of one or two bounds, both included."""
    if at_least is not None and at_most is not None:
        return Threshold(f"{at_least:g} to {at_most:g}", lambda found: at_least <= found.value <= at_most)
    if at_least is not None:
        return Threshold(f"at least {at_least:g}", lambda found: found.value >= at_least)
    if at_most is not None:
        return Threshold(f"at most {at_most:g}", lambda found: found.value <= at_most)
    raise ValueError("A threshold needs a bound.")


def gate(
    name: str, question: str, *, at_least: float | None = None, at_most: float | None = None, strict: bool = False
) -> Callable[[_Measure], _Measure]:
    """Register a plug-in's gate; the decorated function measures it.

    The function gets a `models.gates.GateContext` and returns a number, or a number and a sentence on it. Where it
    raises, or returns None or no finite number, the gate fails; NothingAsked alone lets it pass, without a value.

    Args:
        name: Of the check on `evaluated_model`.
        question: What it asks, in a sentence.
        at_least: Default lower bound; `evaluation.yaml: gates: {name: {at_least: …}}` overrides it.
        at_most: Default upper bound; likewise.
        strict: Whether only the risk tiers of promotion.yaml that name it ask for it; else every version must pass.

    Raises:
        PluginError: The name is taken, the question is empty, or there is no bound.
    """

    def register(function: _Measure) -> _Measure:
        if not question or (at_least is None and at_most is None):
            raise PluginError(
                f"The plug-in module {function.__module__} registers the gate {name} without a question or without a "
                f"bound: name at_least, at_most, or both."
            )
        bounds = {"at_least": at_least, "at_most": at_most}

        def threshold(context: Any) -> Threshold:
            asked = context.settings.gates.get(name)
            chosen = {} if asked is None else {key: value for key, value in asked if value is not None}
            return between(**(bounds | chosen))

        def measure(context: Any) -> Measurement:
            return _measured(function, context)

        GATES.add(name, Gate(name, question, measure, threshold, strict, bounds), function)
        return function

    return register


def with_registered_gates(evaluation: EvaluationSettings) -> EvaluationSettings:
    """The settings with the bounds of every plug-in's gate, so that they are recorded with what was judged by them."""
    own = {gate.name: gate.bounds for gate in GATES.values if gate.bounds is not None}
    if not own:
        return evaluation
    chosen = {name: bounds.model_dump(exclude_none=True) for name, bounds in evaluation.gates.items()}
    merged = {name: GateBounds(**{**bounds, **chosen.get(name, {})}) for name, bounds in own.items()}
    return evaluation.model_copy(update={"gates": {**evaluation.gates, **merged}})


def _measured(function: Callable[[Any], Any], context: Any) -> Measurement:
    try:
        found = function(context)
        value, detail = found if isinstance(found, tuple) else (found, "")
        return Measurement(float(value), str(detail) or f"Measured by {function.__module__}.")
    except (NotComputable, NothingAsked):
        raise
    except Exception as error:  # a broken gate fails the version; the rest of the evaluation stands
        raise NotComputable(f"{type(error).__name__}: {error}") from error
