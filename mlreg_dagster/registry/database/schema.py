"""The registry's tables; the records in `records` describe the columns.

A change here is a new schema: raise SCHEMA_VERSION and add a script to `migrations/versions`.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from mlreg_dagster.registry.database.append_only import keep_append_only
from mlreg_dagster.registry.database.column_types import Gates, Texts, UtcTime

SCHEMA_VERSION = 7

metadata = MetaData()

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("version", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String, nullable=False),
    Column("run_id", String),
    Column("detector", String, nullable=False),
    Column("dataset_day", String, nullable=False),
    Column("dataset_sha256", String, nullable=False),
    Column("artifact_sha256", String, nullable=False),
    Column("manifest", JSON, nullable=False),
    CheckConstraint("version = 'v' || number", name="version_is_its_number"),
    UniqueConstraint("version", "artifact_sha256"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", String, nullable=False),
    Column("artifact_sha256", String, nullable=False),
    Column("holdout_sha256", String, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("gates", Gates, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("thresholds", JSON, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("run_id", String),
    Column("holdout_day", String),
    Column("code_sha256", String),
    Column("departures", Texts),
    UniqueConstraint("version", "artifact_sha256", "id"),
    ForeignKeyConstraint(["version", "artifact_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]),
)

alias_events = Table(
    "alias_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alias", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("version", String, nullable=False),
    Column("previous_version", String),
    Column("artifact_sha256", String, nullable=False),
    Column("evaluation_id", Integer, nullable=False),
    Column("effective_at", UtcTime, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("run_id", String),
    Column("evidence", JSON, nullable=False),
    CheckConstraint("effective_at <= recorded_at", name="not_from_the_future"),
    UniqueConstraint("alias", "sequence"),
    ForeignKeyConstraint(
        ["version", "artifact_sha256", "evaluation_id"],
        ["evaluations.version", "evaluations.artifact_sha256", "evaluations.id"],
    ),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("version", String, nullable=False),
    Column("artifact_sha256", String, nullable=False),
    Column("evaluation_id", Integer),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("lifts", Texts, nullable=False),
    Column("expires_at", UtcTime),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    Column("signature", String),
    CheckConstraint("kind IN ('approval', 'rejection', 'exception')", name="known_kind"),
    ForeignKeyConstraint(["version", "artifact_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]),
    ForeignKeyConstraint(
        ["version", "artifact_sha256", "evaluation_id"],
        ["evaluations.version", "evaluations.artifact_sha256", "evaluations.id"],
    ),
)

policies = Table(
    "policies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content_sha256", String, nullable=False),
    Column("content", JSON, nullable=False),
    Column("previous_sha256", String),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("approved_by", Texts, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    Column("signature", String),
)

policy_approvals = Table(
    "policy_approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content_sha256", String, nullable=False),
    Column("previous_sha256", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    Column("signature", String),
)

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("decision_id", Integer, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    Column("signature", String),
    ForeignKeyConstraint(["decision_id"], ["decisions.id"]),
)

refusals = Table(
    "refusals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alias", String, nullable=False),
    Column("version", String, nullable=False),
    Column("artifact_sha256", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("because", String, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    CheckConstraint("outcome IN ('hold', 'refuse')", name="known_outcome"),
    ForeignKeyConstraint(["version", "artifact_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]),
)

corrections = Table(
    "corrections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alias", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    UniqueConstraint("alias", "sequence"),
    ForeignKeyConstraint(["alias", "sequence"], ["alias_events.alias", "alias_events.sequence"]),
)

restores = Table(
    "restores",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
)

drift_decisions = Table(
    "drift_decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("day", String, nullable=False),
    Column("champion", String),
    Column("state", String, nullable=False),
    Column("family", String),
    Column("action", String, nullable=False),
    Column("table_row", Integer, nullable=False),
    Column("cause", String),
    Column("leave_out", Texts, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("threshold", JSON(none_as_null=True)),
    Column("effective_at", UtcTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    CheckConstraint(
        "state IN ('unknown', 'stable', 'watch', 'confirmed', 'responding', 'cooldown')", name="known_state"
    ),
)

alert_events = Table(
    "alert_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("event", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("onset", UtcTime, nullable=False),
    Column("severity", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("message", String, nullable=False),
    Column("runbook", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    CheckConstraint(
        "event IN ('firing', 'escalated', 'reminded', 'acknowledged', 'resolved')", name="known_alert_event"
    ),
    CheckConstraint("severity IN ('info', 'ticket', 'page')", name="known_severity"),
    UniqueConstraint("fingerprint", "sequence"),
)

alert_messages = Table(
    "alert_messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("event_id", Integer, nullable=False),
    Column("channel", String, nullable=False),
    Column("key", String, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    UniqueConstraint("event_id", "channel"),
    ForeignKeyConstraint(["event_id"], ["alert_events.id"]),
)

alert_attempts = Table(
    "alert_attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_id", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    CheckConstraint("outcome IN ('delivered', 'unavailable', 'refused')", name="known_delivery"),
    UniqueConstraint("message_id", "number"),
    ForeignKeyConstraint(["message_id"], ["alert_messages.id"]),
)

traffic_events = Table(
    "traffic_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alias", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("rollout", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("champion", String, nullable=False),
    Column("champion_sha256", String, nullable=False),
    Column("candidate", String, nullable=False),
    Column("candidate_sha256", String, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("shadow", Boolean, nullable=False),
    Column("salt", String, nullable=False),
    Column("ruling", String, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("alias_sequence", Integer),
    Column("effective_at", UtcTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    CheckConstraint("weight BETWEEN 0 AND 10000", name="known_weight"),
    CheckConstraint(
        "state IN ('staging', 'shadow', 'canary_5', 'canary_25', 'canary_50', 'full', 'closed', 'rolled_back', "
        "'ab', 'finished')",
        name="known_rollout_state",
    ),
    UniqueConstraint("alias", "sequence"),
    ForeignKeyConstraint(["champion", "champion_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]),
    ForeignKeyConstraint(
        ["candidate", "candidate_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]
    ),
    ForeignKeyConstraint(["alias", "alias_sequence"], ["alias_events.alias", "alias_events.sequence"]),
)

suspensions = Table(
    "suspensions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alias", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("event", String, nullable=False),
    Column("version", String, nullable=False),
    Column("artifact_sha256", String, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("effective_at", UtcTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    Column("signature", String),
    CheckConstraint("event IN ('suspended', 'resumed')", name="known_suspension"),
    UniqueConstraint("alias", "sequence"),
    ForeignKeyConstraint(["version", "artifact_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]),
)

incident_events = Table(
    "incident_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("event", String, nullable=False),
    Column("title", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("occurred_at", UtcTime, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    CheckConstraint("event IN ('opened', 'noted', 'resolved', 'reviewed')", name="known_incident_event"),
    UniqueConstraint("incident", "sequence"),
)

person_changes = Table(
    "person_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("event", String, nullable=False),
    Column("entry_sha256", String),
    Column("roles", Texts, nullable=False),
    Column("public_key", String),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("run_id", String),
    Column("signature", String),
    CheckConstraint("event IN ('added', 'corrected', 'erased')", name="known_person_change"),
    UniqueConstraint("person", "sequence"),
)

people = Table(
    "people",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("person", String, nullable=False, unique=True),
    Column("name", String),
    Column("contact", String),
    Column("salt", String),
)
"""Names of people, by the ids that all other tables hold. The one table that is not append-only and not in the audit
log: a name can be corrected or erased, and everything else stays as it was written."""

audit_log = Table(
    "audit_log",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("row", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("previous_hash", String, nullable=False),
    Column("hash", String, nullable=False),
    UniqueConstraint("kind", "row"),
)
"""A record of each row of the tables above, chained by hashes; see `audit`."""

ADDED_LATER = {"evaluations": frozenset({"holdout_day", "code_sha256", "departures"})}
"""Columns that a schema after the first added. Where they are null they are no part of a row's audit record, so that
the records of older rows stay as they are."""

MUTABLE = frozenset({people.name})

keep_append_only(metadata, but=MUTABLE)
