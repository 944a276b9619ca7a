"""Pictures of the models room."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.pictures import ACCENT, ANOMALY, MUTED, NORMAL, as_markdown, new_figure
from mlreg_dagster.storage.registry import AliasEvent, GateResult

_PASSED, _FAILED = "#55a868", "#c44e52"


def score_distribution(scores: NDArray[np.float64], threshold: float, what: str) -> str:
    """Histogram of anomaly scores with the threshold, as Markdown; the rightmost bar holds whatever lies beyond."""
    if not len(scores):
        return f"_There are no {what} to score._"
    low, high = min(scores.min(), threshold), max(np.quantile(scores, 0.999), threshold)
    edges = np.linspace(low, high, 60) if low < high else np.linspace(low - 0.5, high + 0.5, 60)
    shown = np.clip(scores, edges[0], edges[-1])
    flagged = scores > threshold
    figure = new_figure(height=2.6, margins=(0.7, 0.5, 0.15, 0.3))
    axes = figure.subplots()
    usual, _ = np.histogram(shown[~flagged], edges)
    above, _ = np.histogram(shown[flagged], edges)
    axes.stairs(usual, edges, fill=True, color=NORMAL)
    axes.stairs(usual + above, edges, baseline=usual, fill=True, color=ANOMALY)
    axes.axvline(threshold, color=ACCENT, linestyle="--", linewidth=1.5)
    axes.set_yscale("function", functions=(np.sqrt, np.square))  # a few rows stay visible beside thousands
    axes.set_ylim(bottom=0)
    axes.set_ylabel("rows", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.set_xlabel("anomaly score (higher = more anomalous)", fontsize=8)
    axes.set_title(f"{flagged.mean():.1%} of {len(scores)} {what} above the threshold {threshold:.4g}", fontsize=9)
    return as_markdown(figure, f"Distribution of the anomaly scores of {what}")


def gate_summary(gates: Sequence[GateResult]) -> str:
    """One line a gate: passed or failed, value, threshold, as Markdown."""
    figure = new_figure(height=0.5 + 0.42 * len(gates), margins=(0.1, 0.05, 0.1, 0.35))
    axes = figure.subplots()
    for row, gate in enumerate(gates):
        axes.scatter(0.02, -row, s=220, color=_PASSED if gate.passed else _FAILED)
        axes.text(0.02, -row, "✓" if gate.passed else "✗", ha="center", va="center", color="white", fontsize=10)
        value = "not computable" if gate.value is None else f"{gate.value:.3g}"
        axes.text(0.06, -row, gate.name, va="center", fontsize=9)
        axes.text(0.52, -row, value, va="center", fontsize=9, color=ANOMALY if not gate.passed else "black")
        axes.text(0.70, -row, gate.threshold, va="center", fontsize=8, color=MUTED)
    axes.set(xlim=(0, 1), ylim=(-len(gates) + 0.4, 0.6))
    axes.axis("off")
    passed = sum(gate.passed for gate in gates)
    axes.set_title(f"{passed} of {len(gates)} gates passed", fontsize=9, loc="left")
    return as_markdown(
        figure,
        "Gates of the evaluation: "
        + ", ".join(f"{gate.name} {'passed' if gate.passed else 'FAILED'}" for gate in gates),
    )


def alias_timeline(history: Sequence[AliasEvent], now: pd.Timestamp) -> str:
    """Who held an alias when, as Markdown."""
    from matplotlib.dates import date2num

    if not history:
        return "_Nobody has held this alias yet._"
    versions = list(dict.fromkeys(event.version for event in history))
    figure = new_figure(height=0.9 + 0.3 * len(versions))
    axes = figure.subplots()
    ends = [event.effective_at for event in history[1:]] + [now]
    for event, end in zip(history, ends, strict=True):
        colour = ACCENT if event is history[-1] else NORMAL
        first, last = date2num([event.effective_at, end])  # type: ignore[no-untyped-call]
        axes.hlines(versions.index(event.version), first, last, colour, linewidth=9)
        axes.plot(first, versions.index(event.version), "|", color=colour, markersize=16)
    margin = max((ends[-1] - history[0].effective_at) / 50, pd.Timedelta(hours=1))
    axes.set_xlim(*date2num([history[0].effective_at - margin, ends[-1] + margin]))  # type: ignore[no-untyped-call]
    axes.xaxis_date()
    axes.set_yticks(range(len(versions)), versions, fontsize=8)
    axes.set_ylim(-0.6, len(versions) - 0.4)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_title(f"Holders of {history[-1].alias}, effective times", fontsize=9)
    return as_markdown(figure, f"Timeline of {history[-1].alias}")
