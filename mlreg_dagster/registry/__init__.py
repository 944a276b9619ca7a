"""The registry: which versions exist, which gates they passed, and who held which alias when.

Append-only on SQLite and PostgreSQL alike; nothing here reads a clock or an artifact's bytes.
"""

from mlreg_dagster.registry.directory import Directory
from mlreg_dagster.registry.errors import (
    AliasConflict,
    AlreadyHolder,
    AlreadySuspended,
    BackupNeeded,
    EffectiveTimeError,
    GatesNotPassed,
    IncidentConflict,
    InvalidRecord,
    NotSuspended,
    RegistryDamaged,
    RegistryError,
    RegistryNotEmpty,
    RegistryUnavailable,
    RolloutConflict,
    SchemaMismatch,
    SchemaOutdated,
    SuspensionConflict,
    UnknownVersion,
    VersionExists,
)
from mlreg_dagster.registry.mixins.drift import DriftJudgement
from mlreg_dagster.registry.mixins.traffic import Split
from mlreg_dagster.registry.names import version_number
from mlreg_dagster.registry.permit import Dossier, Permission, Permit
from mlreg_dagster.registry.records.alerts import AlertChange, AlertEvent, OpenAlert, OutboxMessage, Severity
from mlreg_dagster.registry.records.drift import DriftDecision
from mlreg_dagster.registry.records.governance import (
    WAIVER,
    Correction,
    Decision,
    DecisionKind,
    PolicyApproval,
    PolicyRecord,
    Refusal,
    RefusalOutcome,
    Restore,
    Withdrawal,
)
from mlreg_dagster.registry.records.incidents import Incident, IncidentEntry, IncidentEvent
from mlreg_dagster.registry.records.models import (
    AliasEvent,
    Attribution,
    AuditRecord,
    Evaluation,
    GateResult,
    ModelVersion,
    Status,
    Tenure,
)
from mlreg_dagster.registry.records.people import Entry, Person, PersonChange
from mlreg_dagster.registry.records.suspensions import AliasSuspended, Suspension
from mlreg_dagster.registry.records.traffic import TrafficEvent
from mlreg_dagster.registry.registry import Registry

__all__ = [
    "WAIVER",
    "AlertChange",
    "AlertEvent",
    "AliasConflict",
    "AliasEvent",
    "AliasSuspended",
    "AlreadyHolder",
    "AlreadySuspended",
    "Attribution",
    "AuditRecord",
    "BackupNeeded",
    "Correction",
    "Decision",
    "DecisionKind",
    "Directory",
    "Dossier",
    "DriftDecision",
    "DriftJudgement",
    "EffectiveTimeError",
    "Entry",
    "Evaluation",
    "GateResult",
    "GatesNotPassed",
    "Incident",
    "IncidentConflict",
    "IncidentEntry",
    "IncidentEvent",
    "InvalidRecord",
    "ModelVersion",
    "NotSuspended",
    "OpenAlert",
    "OutboxMessage",
    "Permission",
    "Permit",
    "Person",
    "PersonChange",
    "PolicyApproval",
    "PolicyRecord",
    "Refusal",
    "RefusalOutcome",
    "Registry",
    "RegistryDamaged",
    "RegistryError",
    "RegistryNotEmpty",
    "RegistryUnavailable",
    "Restore",
    "RolloutConflict",
    "SchemaMismatch",
    "SchemaOutdated",
    "Severity",
    "Split",
    "Status",
    "Suspension",
    "SuspensionConflict",
    "Tenure",
    "TrafficEvent",
    "UnknownVersion",
    "VersionExists",
    "Withdrawal",
    "version_number",
]
