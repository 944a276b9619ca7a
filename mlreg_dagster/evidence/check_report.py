"""The governance report: every result of every check over a period, as a table, as counts and as CSV."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlreg_dagster.core.untrusted.text import csv_cell, visible
from mlreg_dagster.evidence.card.elements import when

COLUMNS = (
    "recorded_at", "asset", "check", "partition", "version", "passed", "severity", "description", "values", "run_id",
)  # fmt: skip


def arrange(results: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Results with the version that they are about, where they name one; the newest first."""
    rows = [{**row, "version": _version(row), "values": _words(row["values"])} for row in results]
    rows.sort(key=lambda row: (row["recorded_at"], row["asset"], row["check"], row["partition"]), reverse=True)
    return [{name: row[name] for name in COLUMNS} for row in rows]


def counts(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How often each check passed and failed, by asset, check and version."""
    lines: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:  # the newest first
        place = (row["asset"], row["check"], row["version"])
        line = lines.setdefault(
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
    return [lines[place] for place in sorted(lines, key=_place)]


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


def _version(row: Mapping[str, Any]) -> str:
    return str(row["values"].get("version") or row["values"].get("champion") or "")


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _place(place: tuple[str, str, str]) -> tuple[str, str, int, str]:
    asset, check, version = place
    return asset, check, int(version[1:]) if version[1:].isdigit() else 0, version
