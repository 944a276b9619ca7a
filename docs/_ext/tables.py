"""The data dictionary, from the table catalogue: the same objects that make the tables and validate the rows."""

import importlib
import pkgutil

from markdown import cell, code, table

import mlreg_dagster
from mlreg_dagster.storage.tables import Table


def markdown() -> str:
    """Each table: what a row is, its key, its columns."""
    return "\n".join(_table(each) for each in catalogue())


def catalogue() -> list[Table]:
    """Every table that a `schema` module of the package defines."""
    found: dict[str, Table] = {}
    for module in pkgutil.walk_packages(mlreg_dagster.__path__, "mlreg_dagster."):
        if module.name.endswith(".schema"):
            values = vars(importlib.import_module(module.name)).values()
            found |= {value.name: value for value in values if isinstance(value, Table)}
    return list(found.values())


def _table(each: Table) -> str:
    rows = [
        (code(name), code(each.sql_type(name)), "yes" if column.nullable else "", cell(column.description or ""))
        for name, column in each.columns.items()
    ]
    rules = "".join(f"- {rule}\n" for rule in each.rules)
    return "\n".join(
        [
            f"## {each.name}\n",
            f"{each.description}\n",
            f"Key: {', '.join(code(name) for name in each.key)}; replaced by {code(each.partition_column)}.\n",
            table(("column", "type", "may be null", "meaning"), rows),
            f"In every row:\n\n{rules}\n" if rules else "",
        ]
    )
