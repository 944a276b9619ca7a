"""The data dictionary, from the table catalogue: the same objects that make the tables and validate the rows."""

import importlib
import pkgutil

import mlreg_dagster
from generated.markdown import cell, code, table
from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.market.features.features import features_table
from mlreg_dagster.storage.warehouse.tables import Table

_ORDER = {"market_snapshot": 0, "market_features": 1, "predictions": 2, "prediction_outcomes": 3}
"""As data passes; all others follow."""


def markdown() -> str:
    """Each table: what a row is, its key, its columns."""
    return "\n".join(_table(each) for each in catalogue())


def catalogue() -> list[Table]:
    """Every table that a `schema` module of the package defines, and the features as they are shipped."""
    features = features_table(FeatureSettings())
    found = {features.name: features}
    for module in pkgutil.walk_packages(mlreg_dagster.__path__, "mlreg_dagster."):
        if module.name.endswith(".schema"):
            values = vars(importlib.import_module(module.name)).values()
            found |= {value.name: value for value in values if isinstance(value, Table)}
    return sorted(found.values(), key=lambda each: _ORDER.get(each.name, len(_ORDER)))


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
