"""Schema 6: how the traffic of an alias is split. It only adds a table."""

import sqlalchemy as sa

from mlreg_dagster.registry.migrations.tables import create_table

revision = "6"
down_revision = "5"


def upgrade() -> None:
    """Add a table."""
    create_table(
        "traffic_events",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("rollout", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("champion", sa.String(), nullable=False),
        sa.Column("champion_sha256", sa.String(), nullable=False),
        sa.Column("candidate", sa.String(), nullable=False),
        sa.Column("candidate_sha256", sa.String(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("ruling", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("alias_sequence", sa.Integer()),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.CheckConstraint("weight BETWEEN 0 AND 10000", name="known_weight"),
        sa.CheckConstraint(
            "state IN ('staging', 'shadow', 'canary_5', 'canary_25', 'canary_50', 'full', 'closed', 'rolled_back', "
            "'ab', 'finished')",
            name="known_rollout_state",
        ),
        sa.UniqueConstraint("alias", "sequence"),
        sa.ForeignKeyConstraint(
            ["champion", "champion_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]
        ),
        sa.ForeignKeyConstraint(
            ["candidate", "candidate_sha256"], ["model_versions.version", "model_versions.artifact_sha256"]
        ),
        sa.ForeignKeyConstraint(["alias", "alias_sequence"], ["alias_events.alias", "alias_events.sequence"]),
    )
