"""How migration scripts create tables: with the triggers that keep them append-only."""

from typing import Any

from alembic import op
from sqlalchemy.schema import SchemaItem

from mlreg_dagster.registry.database import append_only


def create_function() -> None:
    """Create what the triggers call, where the database needs it; before the first table."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(append_only.FUNCTION)


def create_table(name: str, *items: SchemaItem, mutable: bool = False, **options: Any) -> None:
    """Create a table of these columns and constraints; append-only unless it is `mutable`."""
    table = op.create_table(name, *items, **options)
    if mutable:
        return
    for statement in append_only.triggers(table, op.get_bind().dialect.name):
        op.execute(statement)
