"""A metric over versions: which there are, and how they are drawn."""

from collections.abc import Callable
from dataclasses import dataclass

from mlreg_dagster.core.display.plotting import ACCENT, MUTED, as_markdown, label, new_figure
from mlreg_dagster.pages.models.rows import ModelRow

_MANY = 30

Point = tuple[str, float, float | None, float | None, float | None]
"""A version, its value, the ends of the interval, and what it is held against."""


@dataclass(frozen=True)
class Metric:
    """A metric of versions.

    Attributes:
        title: For people.
        point: Of a version; None where it was not measured.
        against: What the value is held against, in a word; empty: zero.
    """

    title: str
    point: Callable[[ModelRow], Point | None]
    against: str = ""


def _precision(row: ModelRow) -> Point | None:
    if row.average_precision is None:
        return None
    return row.version, row.average_precision, None, None, row.baseline_average_precision


def _margin(row: ModelRow) -> Point | None:
    return None if row.margin is None else (row.version, row.margin, row.margin_low, row.margin_high, 0.0)


def _worth(row: ModelRow) -> Point | None:
    if row.worth is None or row.worth.difference is None:
        return None
    return row.version, row.worth.difference, row.worth.low, row.worth.high, 0.0


METRICS = {
    "average_precision": Metric("Average precision on planted anomalies", _precision, "baseline"),
    "margin": Metric("Average precision minus the baseline's", _margin),
    "worth": Metric("Precision on outcomes minus the best simple ranking's", _worth),
}


def metric_picture(title: str, against: str, points: tuple[Point, ...]) -> str:
    """A metric over versions, with intervals where they are known, as Markdown."""
    figure = new_figure(height=3.0)
    axes = figure.subplots()
    at, values = range(len(points)), [value for _, value, *_ in points]
    ends = [
        (index, low, high) for index, (_, _, low, high, _) in enumerate(points) if low is not None and high is not None
    ]
    if ends:
        axes.vlines(*zip(*ends, strict=True), color=ACCENT, alpha=0.5, linewidth=3)
    axes.plot(at, values, "o-", color=ACCENT, markersize=4, linewidth=1, label="version")
    others = [(index, other) for index, (*_, other) in enumerate(points) if other is not None]
    if others:
        axes.plot(*zip(*others, strict=True), "--", color=MUTED, linewidth=1, label=against or "no difference")
    axes.legend(fontsize=7)
    step = -(-len(points) // _MANY)
    axes.set_xticks(list(at)[::step], [label(name) for name, *_ in points][::step], fontsize=7, rotation=45)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_title(title, fontsize=9)
    return as_markdown(figure, f"{title}, {len(points)} versions, {points[0][0]} to {points[-1][0]}")
