"""What admitted a former holder of an alias: a rollback to it is judged by that, not by the stricter gates of today.

Which versions are former holders is in `registry.rules`; the trial of the artifact is in `promotion.rollback`.
"""

from dataclasses import dataclass
from typing import Any

from mlreg_dagster.models.gates import BETTER
from mlreg_dagster.registry import AliasEvent, Dossier, Evaluation, GateResult
from mlreg_dagster.registry.rules import former_holders, passed_evaluation


@dataclass(frozen=True)
class Admission:
    """How a version became holder by the whole policy, and the newest results of the gates that it passed then.

    Attributes:
        move: The move.
        evaluation: The newest evaluation under the settings that admitted it.
        gates: The newest result, under those settings, of each gate that it had to pass then.
    """

    move: AliasEvent
    evaluation: Evaluation
    gates: tuple[GateResult, ...]

    @property
    def failed_gates(self) -> tuple[str, ...]:
        """Gates that admitted it and that it has failed since, under the same settings.

        Whether it is better than a champion is left out: that champion is another one by now, and is to be replaced.
        """
        return tuple(named(gate) for gate in self.gates if not gate.passed and gate.name != BETTER)

    def results_today(self, newest: Evaluation | None) -> dict[str, GateResult]:
        """Every gate that was measured, by name: as it admitted the version, or as it is today where it was repeated.

        Args:
            newest: The newest evaluation that counts today, under whatever settings.
        """
        return {gate.name: gate for gate in (*self.gates, *(newest.gates if newest else ()))}


def admission_of(dossier: Dossier) -> Admission | None:
    """What admitted the version to the alias; None where a move to it would be no rollback."""
    version = dossier.version.version
    if version not in former_holders(dossier.moves):
        return None
    moves = [move for move in dossier.moves if move.version == version]
    move = next((each for each in reversed(moves) if not was_rollback(each)), moves[0])
    admitting = next((each for each in dossier.evaluations if each.id == move.evaluation_id), None)
    if admitting is None:
        return None
    again = [
        each
        for each in dossier.evaluations
        if each.id > admitting.id and not each.is_experiment and settings_of(each) == settings_of(admitting)
    ]
    results = {gate.name: gate for gate in admitting.gates}
    for evaluation in again:
        results |= {gate.name: gate for gate in evaluation.gates if gate.name in results}
    return Admission(move, again[-1] if again else admitting, tuple(results.values()))


def judged_evaluation(dossier: Dossier, *, experiments: bool) -> Evaluation:
    """The evaluation by which a version that asks for an alias is judged: of a former holder, that of its admission.

    Args:
        dossier: All that is on record.
        experiments: Whether evaluations that depart from the configuration in force count, too.

    Raises:
        GatesNotPassed: It never held the alias, and was never evaluated, or failed.
    """
    admission = admission_of(dossier)
    if admission is not None:
        return admission.evaluation
    return passed_evaluation(dossier.version.version, dossier.evaluations, experiments=experiments)


def was_rollback(move: AliasEvent) -> bool:
    """Whether a move was a rollback, by its evidence."""
    return bool(move.evidence.get("facts", {}).get("is_rollback"))


def settings_of(evaluation: Evaluation) -> tuple[Any, ...]:
    """What must be the same for two evaluations to ask the same of the same version."""
    return evaluation.thresholds, evaluation.holdout_sha256, evaluation.code_sha256


def named(gate: GateResult) -> str:
    """A gate with the reason of its result."""
    return f"{gate.name} ({gate.detail})"
