"""Schema 3: the policy in force, withdrawals, refusals, corrections and restores are records; evaluations say more.

It only adds. The new columns are null in older rows, and a null in them is no part of an audit record.
"""

import sqlalchemy as sa
from alembic import op

from mlreg_dagster.registry.migrations.tables import create_table

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Add six tables, and three columns to `evaluations`."""
    op.add_column("evaluations", sa.Column("holdout_day", sa.String()))
    op.add_column("evaluations", sa.Column("code_sha256", sa.String()))
    op.add_column("evaluations", sa.Column("departures", sa.JSON(none_as_null=True)))
    create_table(
        "policies",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("previous_sha256", sa.String()),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("approved_by", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.Column("signature", sa.String()),
    )
    create_table(
        "policy_approvals",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("previous_sha256", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.Column("signature", sa.String()),
    )
    create_table(
        "withdrawals",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.Column("signature", sa.String()),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"]),
    )
    create_table(
        "refusals",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("artifact_sha256", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("because", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.CheckConstraint("outcome IN ('hold', 'refuse')", name="known_outcome"),
        sa.ForeignKeyConstraint(
            ["version", "artifact_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]
        ),
    )
    create_table(
        "corrections",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.UniqueConstraint("alias", "sequence"),
        sa.ForeignKeyConstraint(["alias", "sequence"], ["alias_events.alias", "alias_events.sequence"]),
    )
    create_table(
        "restores",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
    )
