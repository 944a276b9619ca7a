"""Schema 2, that of the first release: versions, evaluations, alias events, decisions and the audit log."""

import sqlalchemy as sa

from mlreg_dagster.registry.migrations.tables import create_function, create_table

revision = "2"
down_revision = None


def upgrade() -> None:
    """Create the tables of the first release."""
    create_function()
    create_table(
        "schema_version",
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
    )
    create_table(
        "model_versions",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.Column("detector", sa.String(), nullable=False),
        sa.Column("dataset_day", sa.String(), nullable=False),
        sa.Column("dataset_sha256", sa.String(), nullable=False),
        sa.Column("artifact_sha256", sa.String(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.CheckConstraint("version = 'v' || number", name="version_is_its_number"),
        sa.UniqueConstraint("version", "artifact_sha256"),
    )
    create_table(
        "evaluations",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("artifact_sha256", sa.String(), nullable=False),
        sa.Column("holdout_sha256", sa.String(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("gates", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("thresholds", sa.JSON(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.UniqueConstraint("version", "artifact_sha256", "id"),
        sa.ForeignKeyConstraint(
            ["version", "artifact_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]
        ),
    )
    create_table(
        "alias_events",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("previous_version", sa.String()),
        sa.Column("artifact_sha256", sa.String(), nullable=False),
        sa.Column("evaluation_id", sa.Integer(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.CheckConstraint("effective_at <= recorded_at", name="not_from_the_future"),
        sa.UniqueConstraint("alias", "sequence"),
        sa.ForeignKeyConstraint(
            ["version", "artifact_sha256", "evaluation_id"],
            ["evaluations.version", "evaluations.artifact_sha256", "evaluations.id"],
        ),
    )
    create_table(
        "decisions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("artifact_sha256", sa.String(), nullable=False),
        sa.Column("evaluation_id", sa.Integer()),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("lifts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.Column("signature", sa.String()),
        sa.CheckConstraint("kind IN ('approval', 'rejection', 'exception')", name="known_kind"),
        sa.ForeignKeyConstraint(
            ["version", "artifact_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]
        ),
        sa.ForeignKeyConstraint(
            ["version", "artifact_sha256", "evaluation_id"],
            ["evaluations.version", "evaluations.artifact_sha256", "evaluations.id"],
        ),
    )
    create_table(
        "audit_log",
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.UniqueConstraint("kind", "row"),
    )
