"""The picture of a frozen dataset: which instruments have rows in which hours."""

import numpy as np

from mlreg_dagster.core.display.plotting import NORMAL, as_markdown, label, new_figure

_NAMED = 30


def coverage(
    kind: str, instruments: tuple[str, ...], window: str, hours: int, places: tuple[int, ...], at: tuple[int, ...]
) -> str:
    """Instruments down, hours across; a cell without a row is white.

    Args:
        kind: Which dataset.
        instruments: Their names, in order.
        window: The window in words.
        hours: How many hours it has.
        places: The instrument of each row.
        at: The hour of each row, from 0 on.

    Returns:
        A Markdown image.
    """
    from matplotlib.colors import ListedColormap

    grid = np.zeros((len(instruments), hours))
    grid[np.array(places, dtype=int), np.array(at, dtype=int)] = 1
    figure = new_figure(9.0, 1.1 + min(0.14 * len(instruments), 5.0), margins=(1.6, 0.5, 0.15, 0.3))
    axes = figure.subplots()
    axes.imshow(grid, aspect="auto", interpolation="nearest", cmap=ListedColormap(["white", NORMAL]), vmin=0, vmax=1)
    named = np.unique(np.linspace(0, len(instruments) - 1, min(_NAMED, len(instruments))).astype(int))
    axes.set_yticks(named, [label(instruments[place], 20) for place in named], fontsize=6)
    axes.set_xlabel("hours of the window", fontsize=7)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_title(f"Rows of {label(kind)}, {window}", loc="left", fontsize=9)
    share = grid.mean() if grid.size else 0.0
    whole = int((grid.sum(axis=1) == hours).sum())
    alt = f"Coverage of {label(kind)}: {share:.1%} of instruments and hours have a row; {whole} of {len(instruments)} "
    return as_markdown(figure, f"{alt}instruments have all {hours} hours.")
