"""What commands ask of Dagster's event log, and leave there: heads of the audit log, by which a cut is noticed."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlreg_dagster.cli.session import progress_console

if TYPE_CHECKING:
    from mlreg_dagster.registry import AuditRecord, Registry
    from mlreg_dagster.registry.witness import Head


def require_intact(registry: "Registry", witnessed: "set[Head]") -> "list[AuditRecord]":
    """The audit log, if nothing of it was tampered with.

    Raises:
        RegistryTampered: Something was; the first broken record is named.
    """
    from mlreg_dagster.registry.witness import RegistryTampered

    if broken := registry.find_tampering(witnessed):
        raise RegistryTampered(
            f"The registry was tampered with. {broken} Nothing after it is to be believed: compare with a copy, and "
            f"with the runs in Dagster; see docs/runbook.md."
        )
    return registry.audit_log()


def witnessed_heads() -> "set[Head]":
    """What runs reported of the audit log; Dagster is loaded only where its files can't be read without it."""
    from mlreg_dagster.orchestration.dagster_internals.audit_heads import recorded_heads

    heads = recorded_heads(Path(os.environ["DAGSTER_HOME"]))
    if heads is None:
        from mlreg_dagster.orchestration.instance.audit_anchors import heads_on_record

        heads = heads_on_record()
    return heads


def leave_witness(registry: "Registry", what: str, metadata: Mapping[str, Any]) -> None:
    """Have Dagster's event log remember a record, and the head of the audit log; where it can't, that is printed.

    Dagster is loaded for it, so it comes last. The record is stored already, and nothing fails for want of a witness.

    Args:
        registry: Whose head.
        what: What was recorded, in a sentence, for the page of `champion_model`.
        metadata: More about it.
    """
    from mlreg_dagster.orchestration.instance.audit_anchors import leave_witness as leave

    if problem := leave(registry, what, metadata):
        progress_console.print(
            f"It is recorded, and Dagster's event log did not take the head of the audit log ({problem}): it has no "
            f"witness of this yet. The next decision or run leaves one.",
            markup=False,
            highlight=False,
        )
