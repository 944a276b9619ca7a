"""What Dagster's event log remembers of the audit log: an outsider who notices when its newest records are removed.

Nothing is built on a registry whose log does not fit: promotion, training, evaluation and scoring ask first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.orchestration.metadata import AUDIT_HEAD
from mlreg_dagster.registry import Registry

_ASSETS = ("candidate_model", "evaluated_model", "champion_model", "delivery_bundle")
_PAGE = 1000

Head = tuple[int, str]
"""Sequence and hash of a record."""


class RegistryTampered(MlregError):
    """The registry does not fit its audit log, or what was witnessed of it."""


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
        """Whether there are records, and none was ever witnessed: removal of the newest would not be noticed."""
        return self.records > 0 and self.witnessed == 0

    @property
    def text(self) -> str:
        """In words, for people."""
        if self.records == 0:
            return "The audit log is empty."
        if self.is_blind:
            return (
                f"None of the {self.records} records has a witness: Dagster's run history was wiped, or is another's. "
                f"Removal of the newest records would not be noticed. Compare with an export, or promote or "
                f"evaluate once more, which leaves a witness."
            )
        unseen = self.records - self.witnessed
        later = f"; {unseen} were written since" if unseen else ""
        return f"Dagster's run history is witness of the first {self.witnessed} of {self.records} records{later}."


def witnessed_heads(instance: dg.DagsterInstance) -> set[Head]:
    """Sequence and hash of every record that a run reported as the newest one of its time."""
    return set(_heads(instance))


def newest_heads(instance: dg.DagsterInstance) -> set[Head]:
    """The same, of the last event of each asset: quick, and enough to notice that newer records were removed."""
    found = (instance.get_latest_materialization_event(dg.AssetKey(name)) for name in _ASSETS)
    return {
        head
        for entry in found
        if entry is not None and entry.asset_materialization is not None
        for head in _of(entry.asset_materialization.metadata)
    }


def witness_of(registry: Registry, heads: Iterable[Head]) -> Witness:
    """How far the log is witnessed by these heads; those of records that a restore lost tell nothing of it."""
    length, _ = registry.audit_head()
    heads = set(heads) - registry.lost_records()
    return Witness(length, max((sequence for sequence, _ in heads if sequence <= length), default=0))


def require_intact(registry: Registry, instance: dg.DagsterInstance) -> None:
    """Refuse a registry that does not fit its audit log, or what was last witnessed of it.

    Raises:
        RegistryTampered: It does not; the first broken record is named.
    """
    if broken := registry.find_tampering(newest_heads(instance)):
        raise RegistryTampered(
            f"The registry was tampered with. {broken} Nothing is built on it: compare with a copy, and with the "
            f"runs in Dagster; see docs/runbook.md."
        )


def _heads(instance: dg.DagsterInstance) -> Iterator[Head]:
    for name in _ASSETS:
        key = dg.AssetKey(name)
        for fetch in (instance.fetch_materializations, instance.fetch_observations):
            cursor = None
            while True:
                page: Any = fetch(key, limit=_PAGE, cursor=cursor)
                for record in page.records:
                    event = record.asset_materialization or record.event_log_entry.asset_observation
                    if event is not None:
                        yield from _of(event.metadata)
                if not page.has_more:
                    break
                cursor = page.cursor


def _of(metadata: Any) -> Iterator[Head]:
    if AUDIT_HEAD in metadata:
        sequence, _, digest = str(metadata[AUDIT_HEAD].value).partition(":")
        yield int(sequence), digest
