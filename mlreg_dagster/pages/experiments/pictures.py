"""Draws the trials of a study."""

from itertools import accumulate

from mlreg_dagster.core.display.plotting import ACCENT, MUTED, NORMAL, as_markdown, new_figure
from mlreg_dagster.models.tuning.record import COMPLETE

Point = tuple[int, float, str]
"""Number, value and state of a trial."""


def study_picture(points: tuple[Point, ...]) -> str:
    """The objective over trials, and the best of the complete ones so far, as Markdown."""
    figure = new_figure(height=3.0)
    axes = figure.subplots()
    complete = [(number, value) for number, value, state in points if state == COMPLETE]
    others = [(number, value) for number, value, state in points if state != COMPLETE]
    if others:
        axes.plot(*zip(*others, strict=True), "x", color=MUTED, markersize=4, label="pruned")
    if complete:
        numbers, values = zip(*complete, strict=True)
        axes.plot(numbers, values, "o", color=NORMAL, markersize=4, label="complete")
        axes.step(
            numbers, list(accumulate(values, max)), where="post", color=ACCENT, linewidth=1.5, label="best so far"
        )
    axes.set_xlabel("trial", fontsize=8)
    axes.set_title("Objective, by trial", fontsize=9)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7)
    best = max((value for _, value in complete), default=None)
    said = "none complete" if best is None else f"the best complete one reaches {best:.4g}"
    return as_markdown(figure, f"Objective of {len(points)} trials; {said}")
