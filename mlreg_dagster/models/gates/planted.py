"""How gates on planted anomalies are judged: by the value, or by the lower end of its interval where a tier asks it.

The intervals are made in `models/evaluation/planted`. Importing this takes no scikit-learn.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.extensions.gates import Measurement, Threshold
from mlreg_dagster.registry import GateResult

AVERAGE_PRECISION = "injection_average_precision"
IMPROVEMENT = "improvement_over_baseline"

ON_LOWER_END = ", by the lower end of its interval"


def asked(name: str, settings: EvaluationSettings) -> float:
    """The least value that a gate on planted anomalies asks for."""
    return settings.min_average_precision_margin if name == AVERAGE_PRECISION else settings.strict.min_improvement


def threshold(text: str, least: float, *, on_lower_end: bool) -> Threshold:
    """A least value, or a least lower end.

    Args:
        text: What is asked, in words.
        least: The value.
        on_lower_end: Whether the lower end must reach it; without an interval nothing does.
    """
    if on_lower_end:
        return Threshold(f"{text}{ON_LOWER_END}", lambda found: _reaches(_low(found.interval), least))
    return Threshold(text, lambda found: found.value >= least)


def measurement(value: float, detail: str, found: Mapping[str, Any] | None, least: float) -> Measurement:
    """What a gate measured on planted anomalies, with its interval in words.

    Args:
        value: The result.
        detail: What it was measured from.
        found: As `evaluation.planted.result_of` gives it; None: no interval was made.
        least: The value that is asked for, which the words hold the interval against.
    """
    if found is None:
        return Measurement(value, detail)
    interval = {name: found[name] for name in ("low", "high", "seeds", "days")}
    return Measurement(value, f"{in_words(found, least)} {detail}", interval=interval)


def in_words(found: Mapping[str, Any], least: float) -> str:
    """How sure a result is: with how many seeds and days it would pass, and where its interval lies."""
    counts = [_count(found["seeds"].values(), least, "seed")]
    if len(found["days"]) > 1:
        counts.append(_count(found["days"].values(), least, "day"))
    passes = f"Passes with {' and '.join(counts)}"
    low, high = found["low"], found["high"]
    if low is None or high is None:
        return f"{passes}; {found['reason']}"
    place = "surely above" if low >= least else "surely below" if high < least else "not distinguishable from"
    return f"{passes}, {found['reason'].rstrip('.')}: {place} what is asked."


def below_interval(gates: Iterable[GateResult], settings: EvaluationSettings, *, learns_crashes: bool) -> Iterator[str]:
    """The gates on planted anomalies that passed, but not by the lower end of an interval, each with the reason.

    Args:
        gates: Of the evaluation that counts.
        settings: Under which it was done.
        learns_crashes: Whether the version is a classifier, whose margin is that of its walk-forward.
    """
    for gate in gates:
        if gate.name not in (AVERAGE_PRECISION, IMPROVEMENT) or not gate.passed or gate.value is None:
            continue
        if learns_crashes and gate.name == AVERAGE_PRECISION:
            continue
        low, least = _low(gate.interval), asked(gate.name, settings)
        if not _reaches(low, least):
            end = "it has no interval" if low is None else f"the lower end of its interval is {low:+.4f}"
            yield f"{gate.name} (the risk tier asks {least:g} of the lower end of its interval: {end})"


def _low(interval: Mapping[str, Any] | None) -> float | None:
    return None if interval is None else interval["low"]


def _reaches(low: float | None, least: float) -> bool:
    return low is not None and low >= least


def _count(values: Iterable[float], least: float, unit: str) -> str:
    found = list(values)
    return f"{sum(value >= least for value in found)} of {len(found)} {unit}{'s' if len(found) != 1 else ''}"
