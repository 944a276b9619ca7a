"""The pictures of the audit: how columns are distributed, and how each week differs from the one before."""

from collections.abc import Sequence

import numpy as np

from mlreg_dagster.core.display.plotting import ACCENT, ANOMALY, MUTED, NORMAL, as_markdown, label, new_figure
from mlreg_dagster.evidence.data_audit.facts import Histogram, Profile, Week
from mlreg_dagster.evidence.data_audit.rules import PSI_LIMIT

_ACROSS = 6


def distribution(name: str, histogram: Histogram) -> str:
    """One column, between its outer quantiles.

    Args:
        name: Of the column.
        histogram: Its values.

    Returns:
        A Markdown image.
    """
    figure = new_figure(7.0, 2.4, margins=(0.6, 0.4, 0.15, 0.3))
    axes = figure.subplots()
    _bars(axes, histogram)
    outside = histogram.below + histogram.above
    axes.set_title(f"{label(name)}: rows by value; {outside:,} lie outside", loc="left", fontsize=9)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    fullest = int(np.argmax(histogram.counts))
    width = (histogram.high - histogram.low) / len(histogram.counts)
    alt = f"Distribution of {label(name)} from {histogram.low:.4g} to {histogram.high:.4g}; most values lie about "
    return as_markdown(figure, f"{alt}{histogram.low + (fullest + 0.5) * width:.4g}.")


def distributions(table: str, profiles: Sequence[Profile]) -> str:
    """All columns of numbers of a table, small; None is drawn of those without values."""
    some = [(each.name, each.histogram) for each in profiles if each.histogram is not None]
    down = -(-len(some) // _ACROSS)
    figure = new_figure(11.0, 0.2 + 1.15 * down, margins=(0.1, 0.25, 0.1, 0.25))
    panels = np.atleast_1d(figure.subplots(down, _ACROSS, gridspec_kw={"hspace": 0.75, "wspace": 0.12})).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, (name, histogram) in zip(panels, some, strict=False):
        axes.set_axis_on()
        _bars(axes, histogram)
        axes.set_title(label(name, 30), fontsize=6, loc="left", pad=2)
        axes.set_yticks([])
        ends = (histogram.low, histogram.high)
        axes.set_xticks(ends, [f"{end:.3g}" for end in ends], fontsize=6)
        for text, side in zip(axes.get_xticklabels(), ("left", "right"), strict=True):
            text.set_horizontalalignment(side)
        axes.spines[["top", "right", "left"]].set_visible(False)
    return as_markdown(figure, f"Distributions of the {len(some)} columns of numbers of {label(table)}.")


def _bars(axes: object, histogram: Histogram) -> None:
    high = histogram.high if histogram.high > histogram.low else histogram.low + 1
    edges = np.linspace(histogram.low, high, len(histogram.counts) + 1)
    axes.stairs(histogram.counts, edges, fill=True, color=NORMAL)  # type: ignore[attr-defined]


def weeks_of_column(name: str, weeks: Sequence[Week]) -> str:
    """A column week by week: its null share, and the PSI against the week before with its limit."""
    figure = new_figure(7.0, 2.8, margins=(0.6, 0.4, 0.15, 0.3))
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"hspace": 0.55})
    days = [each.first for each in weeks]
    psi = [np.nan if each.psi is None else each.psi for each in weeks]
    nulls = [100 * each.nulls / each.rows if each.rows else np.nan for each in weeks]
    above.plot(days, psi, color=NORMAL, marker=".")
    above.axhline(PSI_LIMIT, color=ANOMALY, linewidth=0.8, linestyle="--")
    above.set_title(f"{label(name)}: PSI against the week before", loc="left", fontsize=8)
    below.plot(days, nulls, color=ACCENT, marker=".")
    below.set_title("nulls, %", loc="left", fontsize=8)
    for axes in (above, below):
        axes.tick_params(labelsize=7)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    known = [value for value in psi if value == value]
    words = f"the largest PSI of {len(known)} pairs of weeks is {max(known):.2f}" if known else "no PSI is known"
    return as_markdown(figure, f"Weeks of {label(name)}: {words}.")


def compared(profiles: Sequence[Profile]) -> tuple[tuple[str, tuple[Week, ...]], ...]:
    """Name and weeks of the columns of which any two weeks are compared."""
    return tuple((each.name, each.weeks) for each in profiles if any(week.psi is not None for week in each.weeks))


def weekly_differences(table: str, columns: Sequence[tuple[str, Sequence[Week]]]) -> str:
    """Weeks across, columns down, coloured by the PSI against the week before.

    Args:
        table: Its name.
        columns: Name and weeks of each, as `compared` gives them.
    """
    grid = np.array([[np.nan if week.psi is None else week.psi for week in weeks[1:]] for _, weeks in columns])
    figure = new_figure(9.0, 0.9 + 0.19 * len(columns), margins=(2.0, 0.5, 0.5, 0.3))
    axes = figure.subplots()
    image = axes.imshow(grid, aspect="auto", cmap="OrRd", vmin=0, vmax=4 * PSI_LIMIT)
    axes.set_yticks(range(len(columns)), [label(name, 30) for name, _ in columns], fontsize=7)
    places = np.unique(np.linspace(0, grid.shape[1] - 1, 8).astype(int))
    starts = [week.first for week in columns[0][1][1:]]
    axes.set_xticks(places, [f"{starts[place]:%m-%d}" for place in places], fontsize=7)
    axes.set_title("PSI against the week before", loc="left", fontsize=9)
    axes.set_facecolor(MUTED)
    figure.colorbar(image, ax=axes, pad=0.02, fraction=0.04)
    row, column = np.unravel_index(int(np.nanargmax(grid)), grid.shape)
    alt = f"PSI of each week of {label(table)} against the week before; the largest is {np.nanmax(grid):.2f}, "
    return as_markdown(figure, f"{alt}{label(columns[int(row)][0])} in the week from {starts[int(column)]:%Y-%m-%d}.")
