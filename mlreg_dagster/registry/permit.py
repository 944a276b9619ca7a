"""What a rule sees when a version asks for an alias, and what it answers. The rules stand in `governance`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlreg_dagster.registry.records.governance import Decision, PolicyRecord, Withdrawal
from mlreg_dagster.registry.records.models import AliasEvent, Evaluation, ModelVersion
from mlreg_dagster.registry.records.suspensions import Suspension
from mlreg_dagster.registry.rules import passed_evaluation


@dataclass(frozen=True)
class Dossier:
    """Everything on record when a version asks for an alias, as of one moment.

    Attributes:
        alias: Which alias.
        version: Which version.
        evaluations: Of its bytes, experiments included, the latest one last.
        decisions: About its bytes, the latest one last.
        withdrawals: Of these decisions.
        moves: Of the alias, without those that a correction took back.
        policy: What is in force; None where none was recorded yet.
        suspended: The suspensions that hold, by alias: of this one and of others.
    """

    alias: str
    version: ModelVersion
    evaluations: list[Evaluation]
    decisions: list[Decision]
    withdrawals: list[Withdrawal]
    moves: list[AliasEvent]
    policy: PolicyRecord | None
    suspended: Mapping[str, Suspension] = field(default_factory=dict)


@dataclass(frozen=True)
class Permission:
    """Why an alias may move: the evaluation that admits the version, and the evidence that is kept with the move."""

    evaluation: Evaluation
    evidence: Mapping[str, Any]


Permit = Callable[[Dossier], Permission]
"""Is asked within the transaction that moves an alias. Raises where the alias must not move."""


def permit_passed(dossier: Dossier) -> Permission:
    """Asks for passed gates and nothing else."""
    return Permission(passed_evaluation(dossier.version.version, dossier.evaluations), {})
