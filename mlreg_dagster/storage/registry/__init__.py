"""The registry: which versions exist, which gates they passed, and who held which alias when.

Append-only on SQLite and PostgreSQL alike; nothing here reads a clock or an artifact's bytes.
"""

from mlreg_dagster.storage.registry.errors import (
    AliasConflict,
    AlreadyHolder,
    EffectiveTimeError,
    GatesNotPassed,
    InvalidRecord,
    RegistryError,
    RegistryUnavailable,
    SchemaMismatch,
    UnknownVersion,
    VersionExists,
)
from mlreg_dagster.storage.registry.names import version_number
from mlreg_dagster.storage.registry.records import (
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
from mlreg_dagster.storage.registry.registry import Permit, Registry

__all__ = [
    "AliasConflict",
    "AliasEvent",
    "AlreadyHolder",
    "AuditRecord",
    "Decision",
    "DecisionKind",
    "EffectiveTimeError",
    "Evaluation",
    "GateResult",
    "GatesNotPassed",
    "InvalidRecord",
    "ModelVersion",
    "Permit",
    "Registry",
    "RegistryError",
    "RegistryUnavailable",
    "SchemaMismatch",
    "Spell",
    "Status",
    "UnknownVersion",
    "VersionExists",
    "version_number",
]
