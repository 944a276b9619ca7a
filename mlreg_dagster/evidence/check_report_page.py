"""The governance report as a page: counts, then every result by asset. It needs neither network nor JavaScript.

Filters are radio buttons that a style sheet looks at. Long texts are folded, long numbers rounded; the CSV beside the
page has them whole.
"""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlreg_dagster.evidence.card.elements import when

_LONG = 90
_DIGITS = re.compile(r"(?<![\w.])-?\d+\.\d{5,}(?:e[-+]?\d+)?(?![\w.])")
_FILTERS = {"all": "all", "failed": "failed", "errors": "failed as an error"}
_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; max-width: 100rem; margin: 2rem auto; padding: 0 1.5rem; color: #222 }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin: .4rem 0 1.2rem }
th { text-align: left; border-bottom: 2px solid #aab; position: sticky; top: 0; background: #fff }
th, td { padding: .3rem .7rem; vertical-align: top; border-bottom: 1px solid #e3e3ea }
td { overflow-wrap: break-word; max-width: 26rem } .when, .word, .number { white-space: nowrap }
.number { text-align: right; font-variant-numeric: tabular-nums }
tr.no td { background: #fdecea } tr.no.warn td { background: #fff6df } tr.no .verdict { font-weight: 600 }
summary { cursor: pointer } td summary::after { content: " …"; color: #667 }
td [open] summary::after { content: "" }
h2 { margin: 1.6rem 0 .4rem } details.asset > summary { font-size: 15px; padding: .3rem 0 }
.note { color: #667 } fieldset { border: 0; padding: 0; margin: .8rem 0 } label { margin-right: 1.2rem }
body:has(#failed:checked) tbody tr:not(.no), body:has(#errors:checked) tbody tr:not(.no),
body:has(#errors:checked) tbody tr.warn { display: none }
@media print { body { margin: 0; font-size: 10px } table { font-size: 9px } tr { break-inside: avoid }
  th { position: static } fieldset { display: none } }
"""
_TITLES = {
    "recorded_at": "recorded", "check": "check", "partition": "partition", "version": "version", "passed": "passed",
    "severity": "severity", "description": "description", "values": "values", "run_id": "run",
}  # fmt: skip


def render(
    rows: Sequence[Mapping[str, Any]], counts: Sequence[Mapping[str, Any]], first: str | None, last: str | None
) -> str:
    """The page.

    Args:
        rows: Results, the newest first; see `report_checks.arrange`.
        counts: How often each check passed and failed; see `report_checks.counts`.
        first: The day from which on they were asked for; None = the first one.
        last: The last such day.
    """
    failed = sum(not row["passed"] for row in rows)
    period = html.escape(f"{first or 'the first result'} to {last or 'the newest'}")
    assets = sorted({row["asset"] for row in rows})
    newest = {_place(row): row["severity"] for row in reversed(rows)}
    lines = (_count(line, newest.get(_place(line), "ERROR")) for line in counts)
    return "\n".join(
        (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>Checks, {period}</title><style>{_STYLE}</style>",
            f"<h1>Checks, {period}</h1>",
            f"<p>{len(rows):,} results of {len({(row['asset'], row['check']) for row in rows})} checks; {failed:,} "
            f"failed. <span class=note>Red: failed. Yellow: failed as a warning. Times are when a result was "
            f"recorded.</span></p>",
            f"<fieldset>Show: {''.join(_filter(name, text) for name, text in _FILTERS.items())}</fieldset>",
            "<h2>By asset, check and version</h2>",
            _table(("asset", "check", "version", "passed", "failed", "last", "last recorded"), lines),
            "<h2>Every result, the newest first</h2>",
            *(_of_asset(asset, [row for row in rows if row["asset"] == asset]) for asset in assets),
            "" if rows else "<p class=note>none</p>",
        )
    )


def _filter(name: str, text: str) -> str:
    checked = " checked" if name == "all" else ""
    return f"<label><input type=radio name=show id={name}{checked}> {text}</label>"


def _place(line: Mapping[str, Any]) -> tuple[str, str, str]:
    return line["asset"], line["check"], line["version"]


def _count(line: Mapping[str, Any], severity: str) -> str:
    cells = (
        _cell("word", line["asset"]), _cell("word", line["check"]), _cell("word", line["version"]),
        _cell("number", f"{line['passed']:,}"), _cell("number", f"{line['failed']:,}"),
        _cell("word verdict", line["last"]), _cell("when", line["last_recorded"]),
    )  # fmt: skip
    return f"<tr{_kind(line['last'] == 'FAILED', severity)}>{''.join(cells)}</tr>"


def _of_asset(asset: str, rows: Sequence[Mapping[str, Any]]) -> str:
    failed = sum(not row["passed"] for row in rows)
    head = f"{html.escape(asset)} <span class=note>{len(rows):,} results, {failed:,} failed</span>"
    table = _table(_TITLES.values(), map(_result, rows))
    return f"<details class=asset{' open' if failed else ''}><summary>{head}</summary>{table}</details>"


def _result(row: Mapping[str, Any]) -> str:
    cells = (
        _cell("when", when(row["recorded_at"])), _cell("word", row["check"]), _folded(row["partition"]),
        _cell("word", row["version"]), _cell("word verdict", "yes" if row["passed"] else "NO"),
        _cell("word", row["severity"].lower()), _folded(_rounded(row["description"])), _folded(_rounded(row["values"])),
        _cell("word", row["run_id"][:8]),
    )  # fmt: skip
    return f"<tr{_kind(not row['passed'], row['severity'])}>{''.join(cells)}</tr>"


def _kind(failed: bool, severity: str) -> str:
    if not failed:
        return ""
    return " class='no warn'" if severity == "WARN" else " class=no"


def _table(titles: Iterable[str], lines: Iterable[str]) -> str:
    head = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _cell(kind: str, text: str) -> str:
    return f"<td class='{kind}'>{html.escape(text)}</td>"


def _folded(text: str) -> str:
    """A long text shows its beginning until it is clicked."""
    if len(text) <= _LONG:
        return f"<td>{html.escape(text)}</td>"
    beginning = text[:_LONG].rsplit(" ", 1)[0]
    rest = text[len(beginning) :]
    return f"<td><details><summary>{html.escape(beginning)}</summary>{html.escape(rest)}</details></td>"


def _rounded(text: str) -> str:
    return _DIGITS.sub(lambda found: f"{float(found[0]):.4g}", text)
