"""The registry: which versions exist, which gates they passed, and who held which alias when.

Append-only on SQLite and PostgreSQL alike; nothing here reads a clock or an artifact's bytes.
"""

from mlreg_dagster.registry.errors import (
    AliasConflict,
    AlreadyHolder,
    BackupNeeded,
    EffectiveTimeError,
    GatesNotPassed,
    InvalidRecord,
    RegistryDamaged,
    RegistryError,
    RegistryUnavailable,
    SchemaMismatch,
    SchemaOutdated,
    UnknownVersion,
    VersionExists,
)
from mlreg_dagster.registry.governance_records import (
    Correction,
    PolicyApproval,
    PolicyRecord,
    Refusal,
    RefusalOutcome,
    Restore,
    Withdrawal,
)
from mlreg_dagster.registry.mixins.aliases import Dossier, Permission, Permit
from mlreg_dagster.registry.names import version_number
from mlreg_dagster.registry.records import (
    AliasEvent,
    AuditRecord,
    Decision,
    DecisionKind,
    Evaluation,
    GateResult,
    ModelVersion,
    Spell,
    Status,
)
from mlreg_dagster.registry.registry import Registry

__all__ = [
    "AliasConflict",
    "AliasEvent",
    "AlreadyHolder",
    "AuditRecord",
    "BackupNeeded",
    "Correction",
    "Decision",
    "DecisionKind",
    "Dossier",
    "EffectiveTimeError",
    "Evaluation",
    "GateResult",
    "GatesNotPassed",
    "InvalidRecord",
    "ModelVersion",
    "Permission",
    "Permit",
    "PolicyApproval",
    "PolicyRecord",
    "Refusal",
    "RefusalOutcome",
    "Registry",
    "RegistryDamaged",
    "RegistryError",
    "RegistryUnavailable",
    "Restore",
    "SchemaMismatch",
    "SchemaOutdated",
    "Spell",
    "Status",
    "UnknownVersion",
    "VersionExists",
    "Withdrawal",
    "version_number",
]
