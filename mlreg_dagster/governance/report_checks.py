"""The governance report: every result of every check over a period, as a table, as counts, as HTML and as CSV."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlreg_dagster.governance.card.parts import when
from mlreg_dagster.text import csv_cell, html_text, visible

COLUMNS = (
    "recorded_at", "asset", "check", "partition", "version", "passed", "severity", "description", "values", "run_id",
)  # fmt: skip
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; max-width: 96rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; font-size: 12px; margin: .6rem 0 1.6rem }
th { text-align: left; border-bottom: 2px solid #aab }
th, td { padding: .25rem .6rem; vertical-align: top; border-bottom: 1px solid #dde; overflow-wrap: anywhere }
td.when, td.number { white-space: nowrap } td.number { text-align: right } tr.no td { background: #fdecea }
.note { color: #667 } thead { display: table-header-group }
@media print { body { margin: 0; font-size: 10px } table { font-size: 9px } tr { break-inside: avoid } }
"""


def arrange(results: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Results with the version that they are about, where they name one; the newest first."""
    rows = [{**row, "version": _version(row), "values": _words(row["values"])} for row in results]
    rows.sort(key=lambda row: (row["recorded_at"], row["asset"], row["check"], row["partition"]), reverse=True)
    return [{name: row[name] for name in COLUMNS} for row in rows]


def counts(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How often each check passed and failed, by asset, check and version."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:  # the newest first
        place = (row["asset"], row["check"], row["version"])
        line = found.setdefault(
            place,
            {
                **dict(zip(("asset", "check", "version"), place, strict=True)),
                "passed": 0,
                "failed": 0,
                "last": "passed" if row["passed"] else "FAILED",
                "last_recorded": when(row["recorded_at"]),
            },
        )
        line["passed" if row["passed"] else "failed"] += 1
    return [found[place] for place in sorted(found, key=_place)]


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a result, with a header; times in ISO 8601. No text begins as a formula of a spreadsheet does."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for row in rows:
        cells = {**row, "recorded_at": row["recorded_at"].isoformat()}
        writer.writerow(
            {name: csv_cell(visible(cell) if isinstance(cell, str) else cell) for name, cell in cells.items()}
        )
    return text.getvalue()


def to_html(rows: Sequence[Mapping[str, Any]], first: str | None, last: str | None) -> str:
    """The counts, then every result, in one file that needs no network.

    Args:
        rows: The results.
        first: The day from which on they were asked for; None = the first one.
        last: The last such day.
    """
    failed = sum(not row["passed"] for row in rows)
    period = html_text(f"{first or 'the first result'} to {last or 'the newest'}")
    summary = [{**line, "is_bad": line["last"] == "FAILED"} for line in counts(rows)]
    shown = [
        {
            **row,
            "recorded_at": when(row["recorded_at"]),
            "passed": "yes" if row["passed"] else "NO",
            "run_id": row["run_id"][:8],
            "is_bad": not row["passed"],
        }
        for row in rows
    ]
    return "\n".join(
        (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>Checks, {period}</title><style>{_STYLE}</style>",
            f"<h1>Checks, {period}</h1>",
            f"<p>{len(rows):,} results of {len({(row['asset'], row['check']) for row in rows})} checks; {failed:,} "
            f"failed. <span class=note>Red: failed. Times are when a result was recorded.</span></p>",
            f"<h2>By asset, check and version</h2>{_table(summary)}",
            f"<h2>Every result, the newest first</h2>{_table(shown)}",
        )
    )


def _version(row: Mapping[str, Any]) -> str:
    return str(row["values"].get("version") or row["values"].get("champion") or "")


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _place(place: tuple[str, str, str]) -> tuple[str, str, int, str]:
    asset, check, version = place
    return asset, check, int(version[1:]) if version[1:].isdigit() else 0, version


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "<p class=note>none</p>"
    names = [name for name in rows[0] if name != "is_bad"]
    head = "".join(f"<th>{html_text(name.replace('_', ' '))}</th>" for name in names)
    lines = (
        f"<tr{' class=no' if row['is_bad'] else ''}>{''.join(_cell(name, row[name]) for name in names)}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead>{''.join(lines)}</table>"


def _cell(name: str, value: Any) -> str:
    kind = "when" if name.endswith(("recorded", "recorded_at")) else "number" if isinstance(value, int) else ""
    return f"<td class='{kind}'>{html_text(f'{value:,}' if isinstance(value, int) else str(value))}</td>"
