"""What commands ask before they answer from the registry: whether it fits its audit log, and what others remember."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

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
