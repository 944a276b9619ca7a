"""Pictures of the outcomes room: scores against their threshold, flags against crashes, rates over days."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlreg_dagster.core.plotting import ACCENT, ANOMALY, MUTED, NORMAL, as_markdown, label, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DAY_LABELS = 10
_TAIL = 0.99  # scores above this quantile share the last bar: a single one may lie far out
_VERSION_COLOURS = (NORMAL, ACCENT, MUTED, ANOMALY)
_RATES = {
    "recall": "Recall: crashes that were flagged (gap: no crash)",
    "precision": "Precision: flags that crashed (gap: no flag)",
    "base_rate": "Base rate: predictions that a crash followed (gap: none resolved)",
}
_OUTCOMES = ("crashes", "non-crashes")
_CELLS = (("true_positives", "false_positives"), ("false_negatives", "true_negatives"))


def confusion_picture(counts: Mapping[str, Any]) -> str:
    """Flagged or not against crash or no crash, as an annotated heat map of the shares within each outcome.

    Args:
        counts: A row of MODEL_PERFORMANCE or of `metrics.summary`.

    Returns:
        A Markdown image.
    """
    if counts["predictions"] == 0:
        return _words("No prediction has fallen due.")
    cells = np.array([[int(counts[name]) for name in row] for row in _CELLS])
    totals = cells.sum(axis=0)
    within = cells / np.maximum(totals, 1)
    figure = new_figure(5.2, 3.4, margins=(1.1, 0.45, 0.1, 0.4))
    axes = figure.subplots()
    axes.imshow(within, cmap="Blues", vmin=0, vmax=1.25, aspect="auto")
    for (row, column), count in np.ndenumerate(cells):
        share = f"{within[row, column]:.1%} of {_OUTCOMES[column]}" if totals[column] else ""
        ink = "white" if within[row, column] > 0.6 else "black"
        axes.text(column, row - 0.07, f"{count:,}", ha="center", va="center", fontsize=17, color=ink)
        axes.text(column, row + 0.22, share, ha="center", va="center", fontsize=9, color=ink)
    axes.set_xticks([0, 1], [f"{name}: {total:,}" for name, total in zip(_OUTCOMES, totals, strict=True)])
    axes.set_yticks([0, 1], [f"flagged\n{cells[0].sum():,}", f"not flagged\n{cells[1].sum():,}"])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    left_out = f"unresolved (no price): {counts['unresolved']:,} · in-sample, left out: {counts['in_sample']:,}"
    axes.set_xlabel(left_out, fontsize=9, color=MUTED, labelpad=8)
    return as_markdown(
        figure,
        f"Confusion table: {cells[0, 0]} of {totals[0]} crashes and {cells[0, 1]} of {totals[1]} non-crashes "
        f"were flagged; {left_out}.",
    )


def performance_picture(performance: pd.DataFrame) -> str:
    """Recall, precision and base rate day by day; a gap where a rate is undefined. A day has no interval.

    Args:
        performance: Rows of MODEL_PERFORMANCE, of one or more versions.

    Returns:
        A Markdown image.
    """
    if performance.empty:
        return _words("No prediction has fallen due.")
    days = pd.date_range(performance["day"].min(), performance["day"].max(), freq="D")
    versions = _versions(performance)
    figure = new_figure(7.0, 5.4, margins=(0.6, 0.5, 0.1, 0.35))
    panels = figure.subplots(len(_RATES), 1, sharex=True, gridspec_kw={"hspace": 0.3})
    for axes, (rate, title) in zip(panels, _RATES.items(), strict=True):
        for number, version in enumerate(versions):
            rows = performance[performance["model_version"] == version].set_index("day").reindex(days)
            aside = 0.12 * (number - (len(versions) - 1) / 2)
            _draw_rate(axes, rows, rate, aside, _VERSION_COLOURS[number % len(_VERSION_COLOURS)], label(version))
        axes.set_title(title, loc="left", fontsize=9)
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.locator_params(axis="y", nbins=5)
        axes.set_ylim(bottom=-0.05 * axes.get_ylim()[1])
        if performance[rate].isna().all():
            axes.set_yticks([])
            axes.text(0.5, 0.5, "undefined on every day", transform=axes.transAxes, ha="center", color=MUTED)
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False, fontsize=9)
    step = -(-len(days) // _DAY_LABELS)
    panels[-1].set_xticks(np.arange(0, len(days), step), days[::step].strftime("%d %b"))
    panels[-1].set_xlim(-0.6, len(days) - 0.4)
    period = f"{days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}"
    panels[-1].set_xlabel(f"day of the outcome, {period}")
    return as_markdown(
        figure,
        f"Recall, precision and base rate per day, {period}, of {', '.join(map(label, versions))}.",
    )


def score_picture(predictions: pd.DataFrame) -> str:
    """How the scores are spread, with the threshold and the flagged part; a panel for each version.

    Args:
        predictions: Rows of PREDICTIONS, of one hour or more.

    Returns:
        A Markdown image.
    """
    if predictions.empty:
        return _words("No predictions.")
    versions = _versions(predictions)
    figure = new_figure(7.0, 0.8 + 2.4 * len(versions), margins=(0.7, 0.5, 0.1, 0.3))
    panels = figure.subplots(len(versions), 1, squeeze=False, gridspec_kw={"hspace": 0.35})[:, 0]
    titles = []
    for axes, version in zip(panels, versions, strict=True):
        rows = predictions[predictions["model_version"] == version]
        titles.append(f"{label(version)}: {int(rows['is_anomaly'].sum())} of {len(rows)} flagged")
        _draw_scores(axes, rows)
        axes.set_title(titles[-1], loc="left", fontsize=10)
    first, last = (f"{hour:%Y-%m-%d %Hh}" for hour in (predictions["hour"].min(), predictions["hour"].max()))
    panels[-1].set_xlabel(f"anomaly score, {first} to {last} (the last bar holds all above)")
    return as_markdown(figure, f"Score distribution and threshold. {'; '.join(titles)}.")


def _draw_rate(axes: "Axes", rows: pd.DataFrame, rate: str, aside: float, colour: str, label: str) -> None:
    position = np.arange(len(rows)) + aside
    axes.plot(position, rows[rate].to_numpy(), "o-", color=colour, markersize=4, linewidth=1.4, label=label)


def _draw_scores(axes: "Axes", rows: pd.DataFrame) -> None:
    edges = _edges(rows["score"], rows["threshold"].iloc[0])
    shown = rows["score"].clip(upper=(edges[-2] + edges[-1]) / 2)
    usual, _ = np.histogram(shown[~rows["is_anomaly"]], edges)
    flagged, _ = np.histogram(shown[rows["is_anomaly"]], edges)
    axes.stairs(usual, edges, fill=True, color=NORMAL, label="not flagged")
    axes.stairs(usual + flagged, edges, baseline=usual, fill=True, color=ANOMALY, label="flagged")
    for threshold in rows["threshold"].unique():
        axes.axvline(threshold, color="black", linestyle="--", linewidth=1, label=f"threshold {threshold:.3g}")
    axes.set_ylabel("predictions")
    axes.locator_params(axis="x", nbins=6)
    axes.locator_params(axis="y", nbins=4, integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)


def _edges(scores: pd.Series, threshold: float) -> npt.NDArray[np.float64]:
    """Edges of equal bins, one of them at the threshold; the last bin takes the far tail."""
    low, high = min(float(scores.min()), threshold), max(float(scores.quantile(_TAIL)), threshold)
    width = (high - low) / np.clip(np.sqrt(len(scores)), 12, 60) or 1.0
    below, above = np.ceil((threshold - low) / width), np.ceil((high - threshold) / width)
    return threshold + width * np.arange(-below - 1, above + 2)


def _versions(frame: pd.DataFrame) -> list[str]:
    """Its model versions, v2 before v10."""
    return sorted(frame["model_version"].unique(), key=lambda version: (len(version), version))


def _words(text: str) -> str:
    """A picture that says why there is nothing to see."""
    figure = new_figure(5.2, 1.2)
    figure.text(0.5, 0.5, text, ha="center", va="center", color=MUTED)
    return as_markdown(figure, text)
