"""The table of a sweep: each configuration with what its evaluation says, held against the base and the baseline.

The base is the model file as it stands, a version like the others. The baseline is the robust z-score that every
training fits beside its model, on the same rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlreg_dagster.models.gates.planted import AVERAGE_PRECISION
from mlreg_dagster.models.manifests import SWEEP
from mlreg_dagster.models.sweeps.file import in_short
from mlreg_dagster.models.sweeps.plan import Plan
from mlreg_dagster.registry import Evaluation, ModelVersion, Registry

VERSUS_BASE = "versus_base"
"""In the metrics of an evaluation: the version held against the base of its sweep."""

State = Literal["missing", "candidate", "evaluated", "rejected", "taken"]


@dataclass(frozen=True)
class Row:
    """A configuration.

    Attributes:
        number: 0 for the base.
        name: For people.
        version: The one that it became, or is to become.
        state: `missing`: not trained yet, or its training failed; `taken`: the version was trained as another one; else
            its status.
        changes: What differs from the base.
        detector: Which one.
        average_precision: At finding planted anomalies; None: not measured.
        baseline_average_precision: Of the baseline on the same rows.
        margin: The first minus the second, as the gate measured it.
        margin_low: Lower end of its interval.
        margin_high: Upper end.
        verdict: Whether it is better or worse than the base, or can't be told apart from it; None: not compared.
        difference: Average precision minus the base's, paired.
        low: Lower end of its interval.
        high: Upper end.
        reason: Why that is the verdict, or why it was not compared.
        anomaly_rate: Share of the holdout's rows that it flags.
        failed_gates: The gates that it failed.
    """

    number: int
    name: str
    version: str
    state: State
    changes: Mapping[str, Any]
    detector: str | None = None
    average_precision: float | None = None
    baseline_average_precision: float | None = None
    margin: float | None = None
    margin_low: float | None = None
    margin_high: float | None = None
    verdict: str | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    anomaly_rate: float | None = None
    failed_gates: tuple[str, ...] = ()

    @property
    def more(self) -> str:
        """What differs from the base, in words; empty where its name says so."""
        return "" if self.name == in_short(self.changes) else ", ".join(f"{k}: {v}" for k, v in self.changes.items())

    @property
    def is_compared(self) -> bool:
        """Whether nothing is left to do for it: it was evaluated, and held against the base where that is possible."""
        return self.state in ("evaluated", "rejected") and (not self.number or bool(self.reason))


def rows_of(plan: Plan, registry: Registry) -> tuple[Row, ...]:
    """The table of a sweep, the base first.

    Args:
        plan: The sweep.
        registry: Its versions and their evaluations, as of the time that is asked about.
    """
    versions = {each.version: each for each in registry.versions()}
    found = []
    for planned in plan.configurations:
        version = versions.get(planned.version)
        detector = str(planned.settings.get("detector"))
        facts = (planned.number, planned.name, planned.version)
        if version is None:
            found.append(Row(*facts, "missing", planned.changes, detector))
        elif not _is_of(version, plan, planned.number):
            found.append(Row(*facts, "taken", planned.changes, detector, reason="It was trained as another version."))
        else:
            evaluation = registry.latest_evaluation(version.version)
            state = registry.status(version.version)
            found.append(Row(*facts, state, planned.changes, detector, **_measured(evaluation)))
    return tuple(found)


def baseline_of(rows: Sequence[Row]) -> float | None:
    """Average precision of the baseline, on the features of the base; None: not measured yet."""
    return next((row.baseline_average_precision for row in rows if not row.number), None)


def best_of(rows: Iterable[Row]) -> Row | None:
    """The one that finds planted anomalies best; None: none was measured."""
    measured = [row for row in rows if row.average_precision is not None]
    return max(measured, key=lambda row: (row.average_precision or 0.0, -row.number), default=None)


def sentence_of(rows: Sequence[Row], confidence: float) -> str:
    """What the sweep says, in words.

    Args:
        rows: Of the table.
        confidence: Of the intervals.
    """
    others = [row for row in rows if row.number]
    compared = [row for row in others if row.verdict is not None]
    waiting = sum(not row.is_compared for row in rows)
    ends = f" {waiting} of {len(rows)} are not done yet." if waiting else ""
    if not compared:
        return f"No configuration is compared with the base yet.{ends}"
    better, worse = ([row.name for row in compared if row.verdict == word] for word in ("better", "worse"))
    same = len(compared) - len(better) - len(worse)
    by_chance = len(compared) * (1 - confidence) / 2
    best = best_of(rows)
    named = "" if best is None else f" Highest: {best.name} ({best.version}) with {best.average_precision:.3f}."
    found = f"{len(better)} better than the base" + (f" ({', '.join(better)})" if better else "")
    return (
        f"Of {len(compared)} configurations at finding planted anomalies: {found}, {len(worse)} worse, {same} not "
        f"distinguishable.{named} Each {confidence:.0%} interval is of one comparison alone: of {len(compared)} that "
        f"are no better, about {by_chance:.1f} would look better by chance.{ends}"
    )


def _is_of(version: ModelVersion, plan: Plan, number: int) -> bool:
    sweep = version.manifest.get(SWEEP) or {}
    return (sweep.get("name"), sweep.get("number")) == (plan.name, number)


def _measured(evaluation: Evaluation | None) -> dict[str, Any]:
    """What an evaluation says of a configuration."""
    if evaluation is None:
        return {}
    metrics, versus = evaluation.metrics, evaluation.metrics.get(VERSUS_BASE) or {}
    gate = next((each for each in evaluation.gates if each.name == AVERAGE_PRECISION), None)
    interval = (gate.interval if gate else None) or {}
    return {
        "average_precision": metrics.get("average_precision"),
        "baseline_average_precision": metrics.get("baseline_average_precision"),
        "margin": gate.value if gate else None,
        "margin_low": interval.get("low"),
        "margin_high": interval.get("high"),
        "verdict": versus.get("verdict"),
        "difference": versus.get("difference"),
        "low": versus.get("low"),
        "high": versus.get("high"),
        "reason": str(versus.get("reason") or versus.get("not_comparable") or ""),
        "anomaly_rate": metrics.get("anomaly_rate"),
        "failed_gates": tuple(each.name for each in evaluation.gates if not each.passed),
    }
