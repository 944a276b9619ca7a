"""Commands on the tables: their rows, as they are or as they were stored at a time, and their move into a lake."""

from typing import Annotated

import typer

from mlreg_dagster.cli.session import AsJson, show


def table(
    name: Annotated[str, typer.Argument(help="Which table, such as predictions.")],
    first: Annotated[str | None, typer.Option(help="The first hour or day, UTC.")] = None,
    last: Annotated[str | None, typer.Option(help="The last one, included.")] = None,
    at: Annotated[str | None, typer.Option(help="When the rows were stored, UTC; needs a lake.")] = None,
    version: Annotated[str | None, typer.Option(help="Of this version alone.")] = None,
    columns: Annotated[str | None, typer.Option(help="Which columns, by commas; default: all.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Print rows of a table, as they are, or as a lake had them stored at a time: before a repair, for instance."""
    from rich.markup import escape

    from mlreg_dagster.client import Client
    from mlreg_dagster.core.display.text_table import Grid

    chosen = columns.split(",") if columns else None
    rows = Client().table(name, first, last, at=at, version=version, columns=chosen, limit=limit)
    facts = rows.astype(object).where(rows.notna(), None).to_dict("records")
    grid = Grid(f"{name} as of {at}" if at else name, tuple(rows.columns), facts, empty="No rows.")
    for fact in facts:
        grid.add_row(*("" if value is None else escape(str(value)) for value in fact.values()))
    show(as_json, table=name, at=at, rows=grid)


def move_tables(as_json: AsJson = False) -> None:
    """Move the tables of this home from their file into the lake that MLREG_TABLES names. The file is kept aside."""
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.config.places import dagster_home
    from mlreg_dagster.operations.move_tables import move_tables as move
    from mlreg_dagster.operations.upgrade import at_rest

    home = home_dir()
    with at_rest(home, dagster_home(home)):
        done = move(home)
    rows = sum(done.rows.values())
    moved = f"{len(done.rows)} tables with {rows:,} rows are in {done.lake}. {done.kept} is not used any more."
    show(as_json, moved, lake=done.lake, tables=done.rows, kept=str(done.kept))
