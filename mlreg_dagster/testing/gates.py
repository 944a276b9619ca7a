"""What every gate must do, those of the package and those of plug-ins."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from mlreg_dagster.config import EvaluationSettings
from mlreg_dagster.config.sections.evaluation import GateBounds
from mlreg_dagster.config.sections.governance import Constraints
from mlreg_dagster.extensions.gates import GATES, Gate
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.evaluation import EvaluationResult, evaluate
from mlreg_dagster.models.gates import GateContext, asked_gates, results_of
from mlreg_dagster.registry import GateResult
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.testing.world import model_settings, shared_rounds, shared_world

_UNKNOWN: dict[str, Any] = {
    "anomaly_rate": float("nan"),
    "average_precision": None,
    "average_precision_by_kind": {},
    "baseline_average_precision": None,
    "baseline_average_precision_by_kind": {},
}
_NOT_COMPARABLE = {"champion": "v0", "not_comparable": "there is nothing to compare."}


class GateContract:
    """Subclass it and name the gate.

    Attributes:
        gate: As it is registered.
        needs_rows: Whether it can't be computed without holdout rows, planted anomalies and a champion.
        repeatable: Whether measuring it twice gives the same; false for what measures time.
    """

    gate: ClassVar[str]
    needs_rows: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    _models: ClassVar[dict[str, Model]] = {}
    _evaluated: ClassVar[dict[str, EvaluationResult]] = {}

    @property
    def registered(self) -> Gate:
        """The gate itself."""
        found = GATES.get(self.gate)
        assert found is not None, f"No gate {self.gate} is registered: it has vanished, or its module is not imported."
        return found

    @property
    def model(self) -> Model:
        """A small forest."""
        settings = model_settings("isolation_forest", {"n_estimators": 25})
        return self._models.get("forest") or self._models.setdefault("forest", shared_world().train(settings))

    @property
    def evaluated(self) -> EvaluationResult:
        """What an evaluation of the model gives; the same for every gate, so that it is made once."""
        if "forest" not in self._evaluated:
            found = evaluate(self.model, shared_world().holdout, shared_rounds(), EvaluationSettings())
            self._evaluated["forest"] = found
        return deepcopy(self._evaluated["forest"])

    def context(self, **changes: Any) -> GateContext:
        """What an evaluation of a sound version knows."""
        settings, world, result = EvaluationSettings(), shared_world(), self.evaluated
        whole = GateContext(
            model=self.model,
            holdout=world.holdout,
            rounds=shared_rounds(),
            scores=result.scores,
            metrics=result.metrics,
            settings=settings,
            versus={},
            constraints=Constraints(),
            bundle_bytes=1_000_000,
        )
        return replace(whole, **changes)

    def result(self, **changes: Any) -> GateResult:
        """The result of the gate."""
        (found,) = results_of([self.registered], self.context(**changes))
        return found

    def test_it_says_what_it_asks(self) -> None:
        """Readers of an evaluation learn the question, what was asked, and what was found."""
        assert self.registered.question
        found = self.result()
        assert found.threshold
        assert found.detail

    def test_it_is_listed_in_every_evaluation(self) -> None:
        """An evaluation measures it, once, where it is asked for."""
        tier = [self.gate] if self.registered.strict else []
        asked = [each.name for each in asked_gates(tier)]
        assert asked.count(self.gate) == 1, f"The gate {self.gate} is not asked for: it has vanished."
        for rounds in (shared_rounds(), []):
            result = evaluate(self.model, shared_world().holdout, rounds, EvaluationSettings(), tier=tier)
            names = [each.name for each in result.gates]
            assert names.count(self.gate) == 1, f"The gate {self.gate} has vanished from an evaluation."

    def test_it_fails_when_it_can_not_be_computed(self) -> None:
        """Without rows, planted anomalies and comparison it fails, without a value, and says why."""
        if not self.needs_rows:
            return
        holdout = shared_world().holdout
        empty = replace(holdout, rows=holdout.rows.head(0), market=None)
        metrics: Mapping[str, Any] = {**self.context().metrics, **_UNKNOWN}
        found = self.result(holdout=empty, rounds=[], scores=np.empty(0), metrics=metrics, versus=_NOT_COMPARABLE)
        assert not found.passed, f"The gate {self.gate} passes although there is nothing to measure: it has vanished."
        assert found.value is None, "A gate that can't be computed has no value: raise NotComputable."
        assert found.detail.startswith("Not computable")

    def test_measuring_again_gives_the_same(self) -> None:
        """Chance plays no part."""
        if self.repeatable:
            assert self.result() == self.result(), (
                "Measured twice, the gate says different things: seed what is random."
            )

    def test_measuring_changes_nothing(self) -> None:
        """The frozen artifact is judged, not fitted."""
        with TemporaryDirectory() as folder:
            before, after = (open_artifacts(str(Path(folder) / name)) for name in ("before", "after"))
            files = artifact.save(before, "v1", self.model).files
            rows = self.context().holdout.rows.copy()
            self.result()
            assert artifact.save(after, "v1", self.model).files == files, "Measuring changed the model."
            assert rows.equals(self.context().holdout.rows), "Measuring changed the holdout."

    def test_the_bounds_of_the_configuration_apply(self) -> None:
        """`evaluation.yaml: gates` decides, not the plug-in's default."""
        if self.registered.bounds is None:  # a gate of the package, with settings of its own
            return
        found = self.result()
        if found.value is None:
            return
        for bounds in (GateBounds(at_least=found.value + 1), GateBounds(at_most=found.value - 1)):
            settings = EvaluationSettings().model_copy(update={"gates": {self.gate: bounds}})
            assert not self.result(settings=settings).passed, "Other bounds in evaluation.yaml change nothing."
