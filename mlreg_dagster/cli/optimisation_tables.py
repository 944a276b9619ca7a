"""Tables of an optimisation report for the terminal; their facts are documented in docs/json.md."""

from typing import TYPE_CHECKING

from rich.markup import escape

from mlreg_dagster.cli.figures import as_change, as_interval, in_colour
from mlreg_dagster.core.display.text_table import Grid

if TYPE_CHECKING:  # with what it takes to score
    from mlreg_dagster.models.optimisation.report import OptimisationReport


def files_table(report: "OptimisationReport") -> Grid:
    """The size of the bundle by file."""
    facts = [{"file": name, "bytes": size} for name, size in report.files.items()]
    grid = Grid(f"The bundle of {report.version}", ("file", "bytes", "share"), facts)
    for name, size in sorted(report.files.items(), key=lambda each: -each[1]):
        grid.add_row(escape(name), f"{size:,}", f"{size / report.bytes:.0%}")
    grid.add_row("all", f"{report.bytes:,}", "")
    return grid


def parts_table(report: "OptimisationReport") -> Grid:
    """Where the time goes, by part and number of rows."""
    grid = Grid(
        f"Where the time of {report.version} goes, in ms",
        ("rows", "part", "median", "p95", "share", "repeats"),
        list(report.parts),
        caption=f"Scored by: {report.scorer}. Of fewer than five repeats there is no 95th percentile. The figures are "
        f"of this machine at this moment.",
    )
    for each in report.parts:
        p95 = "-" if each.timing.p95_ms is None else f"{each.timing.p95_ms:,.2f}"
        share = "" if each.share is None else f"{each.share:.0%}"
        rows = "once" if each.rows is None else f"{each.rows:,}"
        grid.add_row(rows, each.name, f"{each.timing.median_ms:,.2f}", p95, share, str(each.timing.repeats))
    return grid


def variants_table(report: "OptimisationReport") -> Grid:
    """What each variant saves and costs."""
    sizes = sorted({each.rows for variant in report.variants for each in variant.latency})
    columns = (
        "change",
        "size",
        *(f"time at {rows:,}" for rows in sizes),
        "flags changed",
        "loss of AP",
        "interval",
        "",
    )
    grid = Grid(f"Variants of {report.version}", columns, list(report.variants))
    for each in report.variants:
        if not each.is_made:
            grid.add_row(each.change, *("-" for _ in columns[2:]), f"not for this kind: {escape(each.reason)}")
            continue
        ratios = {found.rows: f"{found.ratio:.0%}" for found in each.latency}
        told = (as_change(each.loss), as_interval(each.low, each.high, as_change), in_colour(each.verdict))
        row = (f"{each.size_ratio:.0%}", *(ratios[rows] for rows in sizes), f"{each.label_flips:.2%}")
        grid.add_row(each.change, *row, *told)
    found = "none" if report.average_precision is None else f"{report.average_precision:.4f}"
    grid.caption = (
        f"Against {report.version} on the {report.holdout_rows:,} rows of holdout {report.holdout}. AP: average "
        f"precision at finding the anomalies of {report.rounds} rounds, {found}; {report.confidence:.0%} intervals."
    )
    return grid
