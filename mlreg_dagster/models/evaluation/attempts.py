"""Counts the attempts at passing the gates: every evaluation of a version, and what was changed between two of them.

A holdout that is looked at often, under settings that are changed in between, says less each time. What an evaluation
may admit is decided in `governance/policy`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mlreg_dagster.core import nested
from mlreg_dagster.registry import Evaluation, Registry

_SHOWN = 5


@dataclass(frozen=True)
class Attempt:
    """One evaluation among those of its version.

    Attributes:
        number: 1 for the first.
        evaluation: Its record.
        on_holdout: Which look of this version at that holdout it was, 1 for the first.
        changed: What differs from the attempt before: `key: before → after`.
    """

    number: int
    evaluation: Evaluation
    on_holdout: int
    changed: tuple[str, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """The gates that it failed."""
        return tuple(gate.name for gate in self.evaluation.gates if not gate.passed)

    @property
    def facts(self) -> dict[str, Any]:
        """As plain values."""
        evaluation = self.evaluation
        return {
            "attempt": self.number,
            "evaluation": evaluation.id,
            "passed": evaluation.passed,
            "is_experiment": evaluation.is_experiment,
            "failed": list(self.failed),
            "changed": list(self.changed),
            "seeds": _seeds(evaluation),
            "days": [each["day"] for each in evaluation.metrics.get("holdout_days") or ()] or [evaluation.holdout_day],
            "holdout_sha256": evaluation.holdout_sha256,
            "look": self.on_holdout,
            "code_sha256": evaluation.code_sha256,
            "thresholds": evaluation.thresholds,
            "recorded_at": evaluation.recorded_at,
            "actor": evaluation.actor,
        }


@dataclass(frozen=True)
class Looks:
    """How often a holdout was looked at.

    Attributes:
        evaluations: How many there are on it, of all versions.
        versions: Which ones.
    """

    evaluations: int
    versions: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """In words."""
        times = "once" if self.evaluations == 1 else f"{self.evaluations} times"
        return f"The holdout was looked at {times}, by {', '.join(self.versions)}."


def attempts_of(evaluations: Iterable[Evaluation]) -> list[Attempt]:
    """All attempts of one version, in their order; experiments are attempts, too."""
    found, looks, before = list[Attempt](), dict[str, int](), None
    for number, each in enumerate(evaluations, start=1):
        looks[each.holdout_sha256] = looks.get(each.holdout_sha256, 0) + 1
        changed = () if before is None else changes(before, each)
        found.append(Attempt(number, each, looks[each.holdout_sha256], changed))
        before = each
    return found


def failed_first(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Attempts as they are shown: those that failed before those that passed, the newest of each first."""
    return sorted(attempts, key=lambda each: (each.evaluation.passed, -each.number))


def changes(before: Evaluation, after: Evaluation) -> tuple[str, ...]:
    """What differs between two evaluations: settings, holdout, code."""
    found = nested.differences(before.thresholds, after.thresholds, "unset")
    gates = [{gate.name for gate in each.gates} for each in (before, after)]
    found += [f"gate {name}: measured → not asked" for name in sorted(gates[0] - gates[1])]
    found += [f"gate {name}: not asked → measured" for name in sorted(gates[1] - gates[0])]
    if before.holdout_sha256 != after.holdout_sha256:
        found.append(f"holdout: {before.holdout_sha256[:12]} → {after.holdout_sha256[:12]}")
    if before.code_sha256 != after.code_sha256:
        found.append("the gates' code")
    return tuple(found)


def looks_at(registry: Registry, holdout_sha256: str) -> Looks:
    """How often a holdout was looked at by the evaluations of all versions."""
    counts = {
        version.version: sum(each.holdout_sha256 == holdout_sha256 for each in registry.evaluations(version.version))
        for version in registry.versions()
    }
    return Looks(sum(counts.values()), tuple(name for name, count in counts.items() if count))


def which_attempt(attempts: Sequence[Attempt]) -> str:
    """In which attempt the evaluation that counts passed or failed; empty where there was one alone, or none counts."""
    last = _that_counts(attempts)
    if last is None or len(attempts) == 1:
        return ""
    same = all(each.evaluation.holdout_sha256 == last.evaluation.holdout_sha256 for each in attempts)
    place = "on the same holdout" if same else "on more than one holdout"
    result = "Passed" if last.evaluation.passed else "Failed"
    return f"{result} in attempt {last.number} of {len(attempts)} {place}."


def headline(attempts: Sequence[Attempt]) -> str:
    """The same, with the attempts that failed before, and what was changed since the last of them."""
    last = _that_counts(attempts)
    if last is None or len(attempts) == 1:
        return ""
    parts = [which_attempt(attempts).rstrip(".")]
    earlier = [each for each in attempts if each.number < last.number and not each.evaluation.passed]
    parts += [f"attempt {each.number} failed {', '.join(each.failed)}" for each in earlier]
    if earlier:
        changed = changes(earlier[-1].evaluation, last.evaluation)
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        parts.append(f"changed since attempt {earlier[-1].number}: {', '.join(changed[:_SHOWN]) or 'nothing'}{more}")
    return "; ".join(parts) + "."


def _that_counts(attempts: Sequence[Attempt]) -> Attempt | None:
    """The newest that is no experiment."""
    return next((each for each in reversed(attempts) if not each.evaluation.is_experiment), None)


def _seeds(evaluation: Evaluation) -> list[int]:
    """The planting seeds; earlier releases had one."""
    planted = (evaluation.metrics.get("planted") or {}).get("margin") or {}
    if planted.get("seeds"):
        return [int(seed) for seed in planted["seeds"]]
    injection = evaluation.thresholds.get("injection") or {}
    return [int(injection["seed"])] if "seed" in injection else []
