"""What a gate sees of a version, and how its result is made. Importing it takes no scikit-learn."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.config.sections.governance import Constraints
from mlreg_dagster.extensions.gates import Gate, NotComputable, NothingAsked
from mlreg_dagster.registry import GateResult

if TYPE_CHECKING:
    import pandas as pd

    from mlreg_dagster.datasets.freezing import Dataset
    from mlreg_dagster.models.artifacts.artifact import Model
    from mlreg_dagster.models.evaluation.rounds import PlantedRound


@dataclass(frozen=True)
class GateContext:
    """Everything that an evaluation knows of a version.

    Attributes:
        model: The frozen artifact; gates score with it and change nothing.
        holdout: Rows after its training window, with the market behind them.
        rounds: Anomalies planted into the holdout; the same for all versions.
        scores: Anomaly score of each holdout row.
        metrics: Rates, and average precision at finding planted anomalies, of the model and of the baseline.
        settings: evaluation.yaml.
        versus: The comparison with the champion; see `comparison.against_champion`.
        constraints: What serving can bear, of use_case.yaml.
        bundle_bytes: Size of the version's bundle.
        planted_interval: Whether gates on planted anomalies pass on the lower end of their interval.
    """

    model: "Model"
    holdout: "Dataset"
    rounds: list["PlantedRound"]
    scores: NDArray[np.float64]
    metrics: Mapping[str, Any]
    settings: EvaluationSettings
    versus: Mapping[str, Any]
    constraints: Constraints
    bundle_bytes: int
    planted_interval: bool = False

    @cached_property
    def thresholds(self) -> NDArray[np.float64]:
        """The threshold of each holdout row, by the model's own flag policy, hour by hour."""
        return self.model.thresholds(self.holdout.rows["hour"], self.scores)

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Which holdout rows the model flags."""
        return np.asarray(self.scores > self.thresholds)

    @property
    def rows(self) -> "pd.DataFrame":
        """The model's features of the holdout rows."""
        return self.model.select(self.holdout.rows)


def results_of(gates: Iterable[Gate], context: GateContext) -> tuple[GateResult, ...]:
    """The result of every gate, in that order; none is left out."""
    return tuple(_result(gate, context) for gate in gates)


def _result(gate: Gate, context: GateContext) -> GateResult:
    threshold = gate.threshold(context)
    try:
        found = gate.measure(context)
        if not np.isfinite(found.value):
            raise NotComputable(f"the value is {found.value}.")
    except NothingAsked as reason:
        return GateResult(gate.name, passed=True, value=None, threshold=threshold.text, detail=str(reason))
    except NotComputable as reason:
        detail = f"Not computable: {reason}"
        return GateResult(gate.name, passed=False, value=None, threshold=threshold.text, detail=detail)
    passed, interval = bool(threshold.passes(found)), None if found.interval is None else dict(found.interval)
    return GateResult(gate.name, passed, float(found.value), threshold.text, found.detail, interval)
