"""Pictures of the models room."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.core.display.plotting import ACCENT, ANOMALY, MUTED, NORMAL, as_markdown, label, new_figure
from mlreg_dagster.registry import GateResult

_PASSED, _FAILED = "#55a868", "#c44e52"


def score_distribution(scores: NDArray[np.float64], thresholds: NDArray[np.float64] | float, what: str) -> str:
    """Histogram of anomaly scores with their threshold or thresholds, as Markdown; the last bar holds the far tail."""
    if not len(scores):
        return f"_There are no {what} to score._"
    lowest, highest = np.min(thresholds), np.max(thresholds)
    low, high = min(scores.min(), lowest), max(np.quantile(scores, 0.999), highest)
    edges = np.linspace(low, high, 60) if low < high else np.linspace(low - 0.5, high + 0.5, 60)
    shown = np.clip(scores, edges[0], edges[-1])
    flagged = scores > thresholds
    figure = new_figure(height=2.6, margins=(0.7, 0.5, 0.15, 0.3))
    axes = figure.subplots()
    usual, _ = np.histogram(shown[~flagged], edges)
    above, _ = np.histogram(shown[flagged], edges)
    axes.stairs(usual, edges, fill=True, color=NORMAL)
    axes.stairs(usual + above, edges, baseline=usual, fill=True, color=ANOMALY)
    for threshold in dict.fromkeys((lowest, highest)):
        axes.axvline(threshold, color=ACCENT, linestyle="--", linewidth=1.5)
    axes.set_yscale("function", functions=(np.sqrt, np.square))  # a few rows stay visible beside thousands
    axes.set_ylim(bottom=0)
    axes.set_ylabel("rows", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.set_xlabel("anomaly score (higher = more anomalous)", fontsize=8)
    named = f"the threshold {lowest:.4g}" if lowest == highest else f"thresholds from {lowest:.4g} to {highest:.4g}"
    axes.set_title(f"{flagged.mean():.1%} of {len(scores)} {what} above {named}", fontsize=9)
    return as_markdown(figure, f"Distribution of the anomaly scores of {what}")


def gate_summary(gates: Sequence[GateResult]) -> str:
    """One line a gate: passed or failed, value with its interval where it has one, threshold, as Markdown."""
    figure = new_figure(height=0.5 + 0.42 * len(gates), margins=(0.1, 0.05, 0.1, 0.35))
    axes = figure.subplots()
    for row, gate in enumerate(gates):
        axes.scatter(0.02, -row, s=220, color=_PASSED if gate.passed else _FAILED)
        axes.text(0.02, -row, "✓" if gate.passed else "✗", ha="center", va="center", color="white", fontsize=10)
        value = f"{gate.value:.3g}" if gate.value is not None else "none" if gate.passed else "not computable"
        ends = (gate.interval or {}).get("low"), (gate.interval or {}).get("high")
        if ends[0] is not None and ends[1] is not None:
            value += f" ({ends[0]:.2f} to {ends[1]:.2f})"
        axes.text(0.06, -row, label(gate.name, 40), va="center", fontsize=9)
        axes.text(0.45, -row, value, va="center", fontsize=9, color=ANOMALY if not gate.passed else "black")
        axes.text(0.665, -row, label(gate.threshold, 60), va="center", fontsize=8, color=MUTED)
    axes.set(xlim=(0, 1), ylim=(-len(gates) + 0.4, 0.6))
    axes.axis("off")
    passed = sum(gate.passed for gate in gates)
    axes.set_title(f"{passed} of {len(gates)} gates passed", fontsize=9, loc="left")
    return as_markdown(
        figure,
        "Gates of the evaluation: "
        + ", ".join(f"{gate.name} {'passed' if gate.passed else 'FAILED'}{_interval_in_words(gate)}" for gate in gates),
    )


def _interval_in_words(gate: GateResult) -> str:
    low, high = ((gate.interval or {}).get(name) for name in ("low", "high"))
    return "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"


def refit_scatter(stability: Mapping[str, Any]) -> str:
    """What `stability.measure` found, as Markdown: its verdict, and a dot for each refit, one line a kind of refit."""
    verdict = f"**{stability['verdict']}**: {stability['detail']}"
    if not stability["values"]:
        return verdict
    figure = new_figure(height=0.7 + 0.4 * len(stability["values"]), margins=(1.5, 0.5, 0.15, 0.1))
    axes = figure.subplots()
    for row, found in enumerate(stability["values"].values()):
        axes.scatter(found, np.full(len(found), -row), s=60, alpha=0.6, color=NORMAL, linewidths=0)
        axes.scatter(np.mean(found), -row, marker="|", s=400, color=ACCENT)
    axes.set_yticks(-np.arange(len(stability["values"])), list(stability["values"]), fontsize=8)
    axes.set_ylim(-len(stability["values"]) + 0.4, 0.6)
    axes.tick_params(labelsize=8)
    axes.set_xlabel("average precision at finding planted anomalies", fontsize=8)
    return f"{verdict}\n\n{as_markdown(figure, 'Average precision of each refit')}"
