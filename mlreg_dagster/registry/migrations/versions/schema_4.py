"""Schema 4: what was decided about drift is a record.

It only adds.
"""

import sqlalchemy as sa

from mlreg_dagster.registry.migrations.tables import create_table

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Add a table."""
    create_table(
        "drift_decisions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("champion", sa.String()),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("family", sa.String()),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("table_row", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String()),
        sa.Column("leave_out", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("threshold", sa.JSON(none_as_null=True)),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.CheckConstraint(
            "state IN ('unknown', 'stable', 'watch', 'confirmed', 'responding', 'cooldown')", name="known_state"
        ),
    )
