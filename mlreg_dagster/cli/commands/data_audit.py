"""`mlreg audit data`: what the tables hold, and what is wrong with it."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlreg_dagster.cli.arguments import writing_to
from mlreg_dagster.cli.session import AsJson, progress_console, show

if TYPE_CHECKING:
    import pandas as pd

    from mlreg_dagster.config import Settings
    from mlreg_dagster.core.display.text_table import Grid
    from mlreg_dagster.evidence.data_audit.facts import DataAudit
    from mlreg_dagster.storage.warehouse.reader import Tables


def audit_data(
    report: Annotated[Path | None, typer.Option(help="Write it as one HTML file, too.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First hour, UTC; default: the first one stored.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last hour, UTC, included; default: the last one.")] = None,
    table: Annotated[list[str] | None, typer.Option(help="Of this table alone; also more than one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Audit the stored data: schema, gaps, nulls, ranges, duplicates, distributions, differences between weeks.

    It reads the Parquet mirror, or the lake itself, so that no run waits for it. Exits with 1 when something is wrong;
    what is unusual alone fails nothing.
    """
    import pandas as pd

    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.core.hours import as_time
    from mlreg_dagster.evidence.data_audit import page
    from mlreg_dagster.evidence.data_audit.audit import Scope, audit_tables, tables_named
    from mlreg_dagster.extensions.registration.loading import load_extensions
    from mlreg_dagster.storage.warehouse.for_readers import open_for_readers

    settings, now = load_settings(), pd.Timestamp.now(tz="UTC")
    load_extensions(settings.extensions.modules)
    names = tuple(table or ())
    tables_named(settings, names)
    begin, end = (None if text is None else as_time(text).to_pydatetime() for text in (first, last))
    with open_for_readers(home_dir()).tables() as tables:
        claimed = _lost(tables, settings, now) if begin is None and end is None else {}
        scope = Scope(begin, end, names, claimed=claimed)
        made = audit_tables(tables, settings, scope, now.to_pydatetime())
    if report is not None:
        with writing_to(report):
            report.parent.mkdir(parents=True, exist_ok=True)
            report.write_text(page.render(made, now.to_pydatetime()), encoding="utf-8")
        progress_console.print(f"The report is in {report}.", markup=False, highlight=False)
    sentences = [f"{each.state}: {each.seen} {each.advice}" for each in made.faults]
    show(
        as_json,
        *sentences,
        made.sentence,
        as_of=made.as_of,
        first=made.first,
        tables=_grid(made),
        faults=made.faults,
        file=None if report is None else str(report),
    )
    raise typer.Exit(1 if made.wrong else 0)


def _lost(tables: "Tables", settings: "Settings", now: "pd.Timestamp") -> Mapping[str, Sequence[int]]:
    """By table the hours that Dagster's event log says were written, and of which no row is stored."""
    import os

    from mlreg_dagster.config import home_dir
    from mlreg_dagster.config.places import dagster_home
    from mlreg_dagster.core.health import Finding
    from mlreg_dagster.core.hours import hours_since_epoch
    from mlreg_dagster.evidence.data_audit.catalogue import tables_of_assets
    from mlreg_dagster.evidence.data_audit.reading import Period, hours_of
    from mlreg_dagster.operations.doctor.materializations import lost_hours
    from mlreg_dagster.operations.retention.jobs import made_by_runs
    from mlreg_dagster.orchestration.instance.cleanup import opened

    folder = dagster_home(home_dir())
    os.environ["DAGSTER_HOME"] = str(folder)  # its file asks for it
    with opened(folder) as instance:
        if isinstance(instance, Finding):
            return {}
        hourly = [table for table in tables_of_assets(settings) if table.partition_column == "hour"]
        stored = {table.name: _as_times(hours_of(tables, table, Period())) for table in hourly}
        lost = lost_hours(stored, made_by_runs(instance), now)
        return {name: hours_since_epoch(hours).tolist() for name, hours in lost.items()}


def _as_times(hours: Collection[int]) -> "pd.DatetimeIndex":
    import numpy as np
    import pandas as pd

    return pd.DatetimeIndex(np.array(sorted(hours), dtype="datetime64[h]")).as_unit("us").tz_localize("UTC")


def _grid(made: "DataAudit") -> "Grid":
    from mlreg_dagster.core.display.text_table import Grid

    grid = Grid("Tables", ("table", "rows", "from", "to", "absent", "columns", "wrong", "unusual"), made.tables)
    for each in made.tables:
        if each.is_there:
            states = [fault.state for fault in made.faults if fault.table == each.name]
            times = ("-" if time is None else f"{time:%Y-%m-%d %H:%M}" for time in (each.first, each.last))
            counts = (len(each.columns), states.count("wrong"), states.count("unusual"))
            grid.add_row(each.name, f"{each.rows:,}", *times, str(each.absent or 0), *map(str, counts))
    return grid
