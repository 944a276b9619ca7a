"""An optimisation report as one HTML file; it needs neither network nor JavaScript."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mlreg_dagster.core.display.plotting import ACCENT, MUTED, NORMAL, as_markdown, label, new_figure
from mlreg_dagster.evidence import templating
from mlreg_dagster.models.optimisation.profile import Part
from mlreg_dagster.models.optimisation.report import OptimisationReport, Variant


def render(report: OptimisationReport, now: datetime) -> str:
    """The page.

    Args:
        report: What it says.
        now: When it is made.
    """
    sizes = sorted({each.rows for each in report.parts if each.rows is not None})
    return templating.render(
        "optimisation.html.jinja",
        title=f"What {report.version} costs",
        made=now,
        report=report,
        files=[
            {"file": name, "bytes": size, "share, %": 100 * size / report.bytes}
            for name, size in sorted(report.files.items(), key=lambda each: -each[1])
        ],
        picture=shares(report.parts, sizes),
        once=[part_row(each) for each in report.parts if each.rows is None],
        by_rows={rows: [part_row(each) for each in report.parts if each.rows == rows] for rows in sizes},
        made_variants=[variant_row(each) for each in report.variants if each.is_made],
        refused=[each for each in report.variants if not each.is_made],
    )


def part_row(part: Part) -> dict[str, Any]:
    """The numbers of a part, by what they are."""
    return {
        "part": part.name,
        "median, ms": part.timing.median_ms,
        "95 %, ms": part.timing.p95_ms,
        "share, %": None if part.share is None else 100 * part.share,
        "repeats": part.timing.repeats,
    }


def variant_row(variant: Variant) -> dict[str, Any]:
    """What a variant saves and costs, by what it is."""
    return {
        "change": variant.change,
        "what is left": variant.meaning,
        "bytes": variant.bytes,
        "size, %": 100 * (variant.size_ratio or 0.0),
        **{f"time at {each.rows:,} rows, %": 100 * each.ratio for each in variant.latency},
        "repeats": ", ".join(str(each.repeats) for each in variant.latency),
        "flags changed, %": 100 * (variant.label_flips or 0.0),
        "average precision": variant.average_precision,
        "loss": variant.loss,
        "low": variant.low,
        "high": variant.high,
        "verdict": variant.verdict,
    }


def shares(parts: Sequence[Part], sizes: Sequence[int]) -> str:
    """How the time of each number of rows is divided among the parts, as bars."""
    counted = [each for each in parts if each.share is not None]
    names = list(dict.fromkeys(each.name for each in counted))
    colours = [MUTED, NORMAL, "#8fa9d4", "#55a868", ACCENT, "#8172b3"]
    figure = new_figure(7.0, 0.9 + 0.45 * len(sizes))
    axes, begun = figure.subplots(), dict.fromkeys(sizes, 0.0)
    for number, name in enumerate(names):
        found = {each.rows: each.share or 0.0 for each in counted if each.name == name}
        widths = [found.get(size, 0.0) for size in sizes]
        places, colour = [f"{size:,} rows" for size in sizes], colours[number % len(colours)]
        axes.barh(places, widths, left=[begun[size] for size in sizes], color=colour, label=label(name))
        begun = {size: begun[size] + width for size, width in zip(sizes, widths, strict=True)}
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the time")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.35), ncols=len(names), fontsize="small", frameon=False)
    return as_markdown(figure, "How the time of scoring is divided among its parts; the tables have the numbers.")
