"""Pictures of a study, drawn from its record."""

from typing import Any

import numpy as np

from mlreg_dagster.core.display.plotting import ACCENT, ANOMALY, MUTED, NORMAL, as_markdown, label, new_figure
from mlreg_dagster.models.tuning.record import COMPLETE, PRUNED, Study, Trial


def history(study: Study) -> str:
    """The objective of each trial in their order, and the best so far, as Markdown."""
    figure = new_figure(height=2.8)
    axes = figure.subplots()
    for state, colour, marker in ((PRUNED, MUTED, "x"), (COMPLETE, NORMAL, "o")):
        chosen = [(each.number, each.value) for each in study.trials if each.state == state and each.value is not None]
        axes.scatter([number for number, _ in chosen], [value for _, value in chosen], s=22, c=colour, marker=marker)
    complete = _complete(study)
    if complete:
        best = np.maximum.accumulate([float(each.value or 0.0) for each in complete])
        axes.step([each.number for each in complete], best, where="post", color=ACCENT, linewidth=1.5)
    axes.set_xlabel("trial (0 is the default)", fontsize=8)
    axes.set_ylabel("objective", fontsize=8)
    axes.tick_params(labelsize=7)
    pruned = sum(each.state == PRUNED for each in study.trials)
    axes.set_title(f"{len(complete)} complete (dots), {pruned} pruned (crosses), best so far (line)", fontsize=9)
    return as_markdown(figure, f"Objective of each trial of study {study.name}")


def importance(study: Study) -> str:
    """How much of the objective's variance each parameter explains, as Markdown."""
    if not study.importance:
        return "_Too few complete trials to tell which parameter matters._"
    shares = sorted(study.importance.items(), key=lambda each: each[1])
    figure = new_figure(height=0.8 + 0.35 * len(shares))
    axes = figure.subplots()
    axes.barh([label(name, 40) for name, _ in shares], [share for _, share in shares], color=NORMAL)
    axes.set_xlim(0, 1)
    axes.tick_params(labelsize=8)
    axes.set_xlabel("share of the variance of the objective (fANOVA)", fontsize=8)
    return as_markdown(figure, "Importance: " + ", ".join(f"{name} {share:.2f}" for name, share in reversed(shares)))


def parallel_coordinates(study: Study) -> str:
    """A line for each complete trial through its values, coloured by the objective, as Markdown."""
    lines = [each for each in _complete(study) if each.params]
    places = [place for place in study.space if any(place in each.params for each in lines)]
    if not lines or not places:
        return "_No complete trial has parameters of its own._"
    figure = new_figure(height=3.2)
    axes = figure.subplots()
    scales = [_Scale([each.params.get(place) for each in lines], study.space[place]) for place in places]
    values = np.array([float(each.value or 0.0) for each in lines])
    lowest, highest = values.min(), values.max()
    scales.append(_Scale(values.tolist(), {}))
    for each, value in sorted(zip(lines, values, strict=True), key=lambda pair: float(pair[1])):
        heights = [*(scale.of(each.params.get(place)) for scale, place in zip(scales, places, strict=False))]
        heights.append(scales[-1].of(value))
        rank = (value - lowest) / (highest - lowest) if highest > lowest else 1.0
        colour = ANOMALY if each.number == study.best else NORMAL
        axes.plot(range(len(heights)), heights, color=colour, alpha=0.15 + 0.75 * rank, linewidth=1.2)
    for number, scale in enumerate(scales):
        axes.axvline(number, color=MUTED, linewidth=0.8)
        for height, text in scale.ticks():
            axes.text(number + 0.02, height, label(text, 14), fontsize=7, va="center")
    names = [*places, "objective"]
    axes.set_xticks(range(len(names)), [label(name.removeprefix("params."), 24) for name in names], fontsize=7)
    axes.set_yticks([])
    axes.set_xlim(-0.1, len(names) - 0.6)
    axes.set_title(f"{len(lines)} complete trials; the best in red, better ones darker", fontsize=9)
    return as_markdown(figure, f"Parallel coordinates of the complete trials of study {study.name}")


def _complete(study: Study) -> list[Trial]:
    return [each for each in study.trials if each.state == COMPLETE and each.value is not None]


class _Scale:
    """One axis: values to heights from 0 to 1; a value that is not there lies below it."""

    def __init__(self, values: list[Any], dimension: dict[str, Any]) -> None:
        known = [value for value in values if value is not None]
        self._choices = list(dimension.get("choices") or ())
        self._log = bool(dimension.get("log"))
        self._low: float = 0.0 if self._choices or not known else min(known)
        self._high: float = 1.0 if self._choices or not known else max(known)

    def of(self, value: Any) -> float:
        if value is None:
            return -0.1
        if self._choices:
            return self._choices.index(value) / max(len(self._choices) - 1, 1)
        low, high, shown = (np.log(each) if self._log else each for each in (self._low, self._high, value))
        return float((shown - low) / (high - low)) if high > low else 0.5

    def ticks(self) -> list[tuple[float, str]]:
        if self._choices:
            return [(self.of(each), str(each)) for each in self._choices]
        return [(self.of(each), f"{each:.3g}") for each in dict.fromkeys((self._low, self._high))]
