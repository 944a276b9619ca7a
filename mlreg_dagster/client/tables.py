"""The tables of a home for the client: which there are, and rows of their mirror as frames."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.outcomes.names import (
    IS_VERSION,
    OUTCOMES_TABLE,
    PERFORMANCE_TABLE,
    PREDICTIONS_TABLE,
    REASONS_TABLE,
    WORTH_TABLE,
)
from mlreg_dagster.storage.warehouse.reader import ReadersTables, Tables, UnknownColumns, time_column

if TYPE_CHECKING:
    import pandas as pd

    from mlreg_dagster.storage.warehouse.tables import Table

FEATURES_TABLE = "market_features"

_KEYS = {
    FEATURES_TABLE: ("hour", "instrument_id"),
    PREDICTIONS_TABLE: ("hour", "instrument_id", "model_version"),
    REASONS_TABLE: ("hour", "instrument_id", "model_version", "rank"),
    OUTCOMES_TABLE: ("hour", "instrument_id", "model_version"),
    PERFORMANCE_TABLE: ("day", "model_version"),
    WORTH_TABLE: ("day", "model_version", "opponent"),
}
"""Of each table the columns that make a row unique, the time first."""


class UnknownTable(MlregError):
    """There is no table of that name."""


def _fixed_tables() -> "dict[str, Table]":
    """The tables whose columns follow from no settings."""
    from mlreg_dagster.outcomes.schema import (
        MODEL_PERFORMANCE,
        PREDICTION_OUTCOMES,
        PREDICTION_REASONS,
        PREDICTIONS,
    )
    from mlreg_dagster.outcomes.worth.schema import MODEL_WORTH

    known = (PREDICTIONS, PREDICTION_REASONS, PREDICTION_OUTCOMES, MODEL_PERFORMANCE, MODEL_WORTH)
    return {table.name: table for table in known}


def _tables() -> "dict[str, Table]":
    """What the tables look like, for where there are none yet."""
    from mlreg_dagster.config import load_settings
    from mlreg_dagster.market.features.features import features_table

    settings = load_settings()
    if settings.features.own:
        from mlreg_dagster.extensions.registration.loading import load_extensions

        load_extensions(settings.extensions.modules)
    return {FEATURES_TABLE: features_table(settings.features)} | _fixed_tables()


def read_table(
    mirror: ReadersTables,
    name: str,
    first: datetime | None,
    last: datetime | None,
    columns: Sequence[str] | None,
    version: str | None = None,
) -> "pd.DataFrame":
    """Rows of a table; where it is not there yet, none.

    Args:
        mirror: Where it is.
        name: Which table.
        first: The first hour or day; None: from the beginning.
        last: The last one, included; None: to the end.
        columns: Which; None: all.
        version: Of this version or ranking alone; None: of all versions, and of no ranking.
    """
    from mlreg_dagster.storage.warehouse.tables import nulls, select_list  # with pandas

    time, *others = _KEYS[name]
    parameters = {"first": first, "last": last} | ({"version": version} if version else {})
    if "model_version" not in others:
        of_version = ""
    else:
        of_version = "AND model_version = $version " if version else f"AND {IS_VERSION} "
    with mirror.tables() as tables:
        table = _fixed_tables().get(name)
        lacking = tables.lacking(table) if table else {}
        if not tables.has(name, {time, *others, *(columns or ())} - lacking.keys()):
            empty = _tables()[name].empty()
            return empty[list(columns)] if columns else empty
        shown = select_list(columns, lacking) if columns else ", ".join(("*", *nulls(lacking)))
        return tables.frame(
            f'SELECT {shown} FROM "{name}" WHERE ($first IS NULL OR "{time}" >= $first) '  # noqa: S608
            f'AND ($last IS NULL OR "{time}" <= $last) {of_version}ORDER BY {", ".join((time, *others))}',
            parameters,
        )


def read_rows(
    tables: Tables,
    name: str,
    first: datetime | None,
    last: datetime | None,
    columns: Sequence[str] | None,
    version: str | None = None,
    limit: int | None = None,
) -> "pd.DataFrame":
    """Rows of any table as they are stored, sorted by their columns.

    Args:
        tables: Where they are.
        name: Which table.
        first: The first hour or day; None: from the beginning.
        last: The last one, included; None: to the end.
        columns: Which; None: all.
        version: Of this version alone.
        limit: At most so many rows; None: all.

    Raises:
        UnknownTable: There is none of that name.
        UnknownColumns: It lacks one of the columns.
    """
    stored = tables.columns(name) if name.isidentifier() else []
    if not stored:
        raise UnknownTable(f"{tables.place} holds no table {name!a}. Write a name such as {PREDICTIONS_TABLE}.")
    time = time_column(stored)
    if time is None and (first or last):
        raise UnknownColumns(f"{name} has neither an hour nor a day to choose rows by. Ask for all of them.")
    asked = {*(columns or ()), *({"model_version"} if version else ())}
    tables.has(name, asked)
    bounds = {"first": (f'"{time}" >= $first', first), "last": (f'"{time}" <= $last', last),
              "version": ("model_version = $version", version)}  # fmt: skip
    chosen = {key: (sql, value) for key, (sql, value) in bounds.items() if value is not None}
    where = f"WHERE {' AND '.join(sql for sql, _ in chosen.values())} " if chosen else ""
    shown = ", ".join(f'"{each}"' for each in columns or stored)
    return tables.frame(
        f'SELECT {shown} FROM "{name}" {where}ORDER BY ALL{"" if limit is None else f" LIMIT {int(limit)}"}',  # noqa: S608
        {key: value for key, (_, value) in chosen.items()},
    )
