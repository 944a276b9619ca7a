"""What others remember of the audit log, and whether a chain of records holds all of it.

How an export or a file of published heads is read stands in `verification`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.registry import AuditRecord
from mlreg_dagster.registry.audit import GENESIS
from mlreg_dagster.registry.witness import head_in

Claim = tuple[int, str]
"""Sequence and hash that a record of the log had once."""

_HASH_LENGTH = 64

DAGSTER = "Dagster's run history"
"""The witness that every home has, on the same machine as the registry."""


class ContradictsHead(MlregError):
    """A log that does not hold what was published of it: it was cut or rewritten since."""


@dataclass(frozen=True)
class Published:
    """What a witness outside of the log remembers of it.

    Attributes:
        name: How messages name it: a file, an option.
        claims: The records that it remembers.
    """

    name: str
    claims: frozenset[Claim]


@dataclass(frozen=True)
class Witnesses:
    """Who outside of the log confirms it, and how far.

    Attributes:
        records: How many records the log has.
        newest: The newest record that each confirms, by name.
    """

    records: int
    newest: Mapping[str, int]

    @property
    def witnessed(self) -> int:
        """The newest record that any confirms; 0 where none does."""
        return max(self.newest.values(), default=0)

    @property
    def is_blind(self) -> bool:
        """Whether there are records, and none is confirmed."""
        return self.records > 0 and not self.newest

    @property
    def text(self) -> str:
        """In words, for people: always how many there are."""
        if not self.newest:
            return "Independent witnesses: 0."
        each = ", ".join(f"{name} up to record {sequence}" for name, sequence in self.newest.items())
        unseen = self.records - self.witnessed
        later = (
            f" {unseen} newer records have none: if they were cut or rewritten, it would not show." if unseen else ""
        )
        return f"Independent witnesses: {len(self.newest)} ({each}).{later}"

    def also(self, name: str, newest: int) -> "Witnesses":
        """The same, and another one; one that confirms no record is none."""
        return replace(self, newest={**self.newest, name: newest}) if newest else self


def named_head(text: str) -> Published:
    """The head that was written as 20:0f3a….

    Raises:
        MlregError: It was written otherwise.
    """
    try:
        sequence, digest = head_in(text)
        if sequence < 1 or len(digest) != _HASH_LENGTH or set(digest) - set("0123456789abcdef"):
            raise ValueError
    except ValueError:
        raise MlregError(
            f"--head {text[:100]!a} is no head. Write the sequence of a record and its hash, as in 20:0f3a…, with all "
            f"64 digits."
        ) from None
    return Published("--head", frozenset({(sequence, digest)}))


def chain_of(log: Iterable[AuditRecord]) -> dict[int, str]:
    """The hash of each record by its sequence; 0 is the beginning."""
    return {0: GENESIS} | {record.sequence: record.hash for record in log}


def confirmed(
    chain: Mapping[int, str], published: Iterable[Published], excused: Collection[Claim] = frozenset()
) -> Witnesses:
    """Compare a chain with what others remember of it.

    Args:
        chain: The hash of each record by its sequence.
        published: What others remember.
        excused: Claims that need not hold: a restore from an older copy lost those records.

    Raises:
        ContradictsHead: The chain holds something else.
    """
    length = max(chain)
    newest: dict[str, int] = {}
    for each in published:
        for sequence, known in sorted(each.claims - set(excused)):
            if chain.get(sequence) != known:
                found = f"it has hash {chain[sequence]}" if sequence in chain else f"the log ends at {length}"
                raise ContradictsHead(
                    f"{each.name} says that record {sequence} has hash {known}, but {found}. The log was cut or "
                    f"rewritten since, or is an older one or another's. If an older copy of the registry was put back "
                    f"and that is on record, --allow-restores accepts what was lost with it."
                )
            if sequence:
                newest[each.name] = max(sequence, newest.get(each.name, 0))
    return Witnesses(length, newest)
