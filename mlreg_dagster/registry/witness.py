"""How far others can vouch for the audit log: what a witness remembers, and what it is worth.

Where witnesses are found is not decided here: runs report the head of the log as metadata of their assets.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mlreg_dagster.registry.errors import RegistryTampered as RegistryTampered
from mlreg_dagster.registry.registry import Registry

AUDIT_HEAD = "audit_head"
"""Metadata in which a run that wrote to the registry tells how long its audit log was then."""

WITNESSING_ASSETS = ("candidate_model", "evaluated_model", "champion_model", "delivery_bundle", "drift_decision")
"""The assets whose events carry it."""

Head = tuple[int, str]
"""Sequence and hash of a record."""


@dataclass(frozen=True)
class Witness:
    """How far outsiders can vouch for the audit log.

    Attributes:
        records: How many records it has.
        witnessed: The newest record that was witnessed; 0 where none was.
    """

    records: int
    witnessed: int

    @property
    def is_blind(self) -> bool:
        """Whether there are records, and none was ever witnessed: nobody would notice if the newest were removed."""
        return self.records > 0 and self.witnessed == 0

    @property
    def text(self) -> str:
        """In words, for people."""
        if self.records == 0:
            return "The audit log is empty."
        if self.is_blind:
            return (
                f"None of the {self.records} records has a witness: Dagster's run history was wiped, or is another's. "
                f"If the newest records were removed, nobody would notice. Compare with an export, or promote or "
                f"evaluate once more, which leaves a witness."
            )
        unseen = self.records - self.witnessed
        later = f"; {unseen} were written since" if unseen else ""
        return f"Dagster's run history is witness of the first {self.witnessed} of {self.records} records{later}."


def witness_of(registry: Registry, heads: Iterable[Head]) -> Witness:
    """How far the log is witnessed by these heads; those of records that a restore lost tell nothing of it."""
    length, _ = registry.audit_head()
    heads = set(heads) - registry.lost_records()
    return Witness(length, max((sequence for sequence, _ in heads if sequence <= length), default=0))


def head_in(text: str) -> Head:
    """The head that the text of AUDIT_HEAD names.

    Raises:
        ValueError: It names none.
    """
    sequence, _, digest = text.partition(":")
    return int(sequence), digest
