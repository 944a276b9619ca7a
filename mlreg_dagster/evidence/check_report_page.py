"""The governance report as a page: counts, then every result by asset. It needs neither network nor JavaScript.

Long texts are folded, long numbers rounded; the CSV of `check_report` has them whole.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mlreg_dagster.evidence import templating

_FILTERS = {"all": "all", "failed": "failed", "errors": "failed as an error"}


def render(
    rows: Sequence[Mapping[str, Any]], counts: Sequence[Mapping[str, Any]], first: str | None, last: str | None
) -> str:
    """The page.

    Args:
        rows: Results, the newest first; see `check_report.arrange`.
        counts: How often each check passed and failed; see `check_report.counts`.
        first: The first day of the period; None = since the first result.
        last: The last day; None = up to the newest result.
    """
    newest = {_place(row): row["severity"] for row in reversed(rows)}
    assets = sorted({row["asset"] for row in rows})
    return templating.render(
        "check_report.html.jinja",
        period=f"{first or 'the first result'} to {last or 'the newest'}",
        rows=rows,
        checks=len({(row["asset"], row["check"]) for row in rows}),
        failed=sum(not row["passed"] for row in rows),
        filters=_FILTERS,
        counts=[{**line, "severity": newest.get(_place(line), "ERROR")} for line in counts],
        by_asset={asset: [row for row in rows if row["asset"] == asset] for asset in assets},
    )


def _place(line: Mapping[str, Any]) -> tuple[str, str, str]:
    return line["asset"], line["check"], line["version"]
