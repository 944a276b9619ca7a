"""The governance report for programs: two tables as CSV, and one JSON document. docs/machine.md describes them."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlreg_dagster.core.json_values import plain
from mlreg_dagster.core.untrusted.text import csv_cell, visible
from mlreg_dagster.evidence.check_report import Report
from mlreg_dagster.evidence.schemas import report as schema
from mlreg_dagster.evidence.schemas.schema import written

RESULT_COLUMNS = (
    "result", "recorded_at", "market_first", "market_until", "asset", "check", "partition", "version", "passed",
    "severity", "description", "run_id",
)  # fmt: skip
VALUE_COLUMNS = ("result", "name", "type", "number", "boolean", "text", "unit")

_UNITS = {
    "pct": "percent", "hours": "hours", "days": "days", "minutes": "minutes", "seconds": "seconds",
    "ms": "milliseconds", "mb": "megabytes", "bytes": "bytes", "share": "fraction", "rate": "fraction",
}  # fmt: skip
"""Of a number, by the last word of its name."""


def results_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a result, with a header. No text begins as a formula of a spreadsheet does."""
    numbered = ({**row, "result": number} for number, row in enumerate(rows, start=1))
    return _csv(RESULT_COLUMNS, numbered)


def values_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a value of a result, in the column of its type."""
    return _csv(
        VALUE_COLUMNS,
        (
            {"result": number, "name": name, **_typed(name, value)}
            for number, row in enumerate(rows, start=1)
            for name, value in row["values"].items()
        ),
    )


def to_json(report: Report) -> str:
    """The whole report as one document."""
    period = report.period
    return written(
        schema.ReportDocument(
            made_at=plain(report.made_at),
            period=schema.Period(by=period.by, first=plain(period.begin), until=plain(period.until)),
            left_out=report.left_out,
            failed=report.failed,
            results=[_result(number, row) for number, row in enumerate(report.rows, start=1)],
        )
    )


def unit_of(name: str) -> str:
    """The unit of a number by the last word of its name; empty for a count or a number without one."""
    return _UNITS.get(name.rsplit("_", 1)[-1], "")


def _result(number: int, row: Mapping[str, Any]) -> schema.ResultDocument:
    values = plain({**row, "partition": row["partition"] or None, "version": row["version"] or None})
    return schema.ResultDocument(result=number, **values)


def _typed(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"type": "boolean", "boolean": value}
    if isinstance(value, int | float):
        return {"type": "number", "number": value if math.isfinite(value) else None, "unit": unit_of(name)}
    return {"type": "text", "text": value}


def _csv(columns: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(line.get(name)) for name in columns] for line in lines)
    return text.getvalue()


def _cell(value: Any) -> object:
    """Booleans as true and false, times in ISO 8601, and nothing where a value is unknown."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return csv_cell(visible(value)) if isinstance(value, str) else plain(value)
