"""The governance report as a page: counts, then every result by asset. It needs neither network nor JavaScript.

Long texts are folded, long numbers rounded; `check_report_files` has them whole.
"""

from collections.abc import Mapping
from typing import Any

from mlreg_dagster.evidence import templating
from mlreg_dagster.evidence.check_report import Report, counts, in_words

_FILTERS = {"all": "all", "failed": "failed", "errors": "failed as an error"}


def render(report: Report) -> str:
    """The page of a report."""
    rows = [{**row, "values": in_words(row["values"])} for row in report.rows]
    newest = {_place(row): row["severity"] for row in reversed(rows)}
    assets = sorted({row["asset"] for row in rows})
    return templating.render(
        "check_report.html.jinja",
        period=report.period.words,
        remarks=report.remarks,
        rows=rows,
        checks=len({(row["asset"], row["check"]) for row in rows}),
        failed=report.failed,
        filters=_FILTERS,
        counts=[{**line, "severity": newest.get(_place(line), "ERROR")} for line in counts(rows)],
        by_asset={asset: [row for row in rows if row["asset"] == asset] for asset in assets},
    )


def _place(line: Mapping[str, Any]) -> tuple[str, str, str]:
    return line["asset"], line["check"], line["version"]
