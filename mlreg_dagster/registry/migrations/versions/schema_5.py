"""Schema 5: alerts, the outbox of their messages, and the attempts to deliver these. It only adds tables."""

import sqlalchemy as sa

from mlreg_dagster.registry.migrations.tables import create_table

revision = "5"
down_revision = "4"


def upgrade() -> None:
    """Add three tables."""
    create_table(
        "alert_events",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("onset", sa.DateTime(timezone=True), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("runbook", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.String()),
        sa.CheckConstraint(
            "event IN ('firing', 'escalated', 'reminded', 'acknowledged', 'resolved')", name="known_alert_event"
        ),
        sa.CheckConstraint("severity IN ('info', 'ticket', 'page')", name="known_severity"),
        sa.UniqueConstraint("fingerprint", "sequence"),
    )
    create_table(
        "alert_messages",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("event_id", "channel"),
        sa.ForeignKeyConstraint(["event_id"], ["alert_events.id"]),
    )
    create_table(
        "alert_attempts",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("outcome IN ('delivered', 'unavailable', 'refused')", name="known_delivery"),
        sa.UniqueConstraint("message_id", "number"),
        sa.ForeignKeyConstraint(["message_id"], ["alert_messages.id"]),
    )
