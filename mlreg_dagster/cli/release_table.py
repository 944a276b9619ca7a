"""The table of the steps of a release."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.markup import escape

from mlreg_dagster.core.display.text_table import Grid

if TYPE_CHECKING:  # with what it takes to compare models
    from mlreg_dagster.release.steps import Release

_SIGNS = {"passed": "[green]passed[/]", "failed": "[red]FAILED[/]", "not measured": "[yellow]not measured[/]"}


def steps_table(release: "Release") -> Grid:
    """Every step, and what it found."""
    facts = [asdict(step) for step in release.steps]
    against = f" against {release.champion}" if release.champion else ""
    grid = Grid(f"Release of {release.version}{against}", ("step", "result", "found"), facts)
    for step in release.steps:
        grid.add_row(step.name, _SIGNS[step.status], escape(step.detail))
    return grid
