"""Schema 7: suspensions of an alias, incidents, and people by ids. It only adds tables."""

import sqlalchemy as sa

from mlreg_dagster.registry.migrations.tables import create_table

revision = "7"
down_revision = "6"


def upgrade() -> None:
    """Add four tables, of which the names of people alone can be changed."""
    create_table(
        "suspensions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("artifact_sha256", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.Column("signature", sa.String()),
        sa.CheckConstraint("event IN ('suspended', 'resumed')", name="known_suspension"),
        sa.UniqueConstraint("alias", "sequence"),
        sa.ForeignKeyConstraint(
            ["version", "artifact_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]
        ),
    )
    create_table(
        "incident_events",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("incident", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.CheckConstraint("event IN ('opened', 'noted', 'resolved', 'reviewed')", name="known_incident_event"),
        sa.UniqueConstraint("incident", "sequence"),
    )
    create_table(
        "person_changes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("entry_sha256", sa.String()),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("public_key", sa.String()),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.Column("signature", sa.String()),
        sa.CheckConstraint("event IN ('added', 'corrected', 'erased')", name="known_person_change"),
        sa.UniqueConstraint("person", "sequence"),
    )
    create_table(
        "people",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("person", sa.String(), nullable=False, unique=True),
        sa.Column("name", sa.String()),
        sa.Column("contact", sa.String()),
        sa.Column("salt", sa.String()),
        mutable=True,
    )
