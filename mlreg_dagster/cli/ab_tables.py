"""Tables for the terminal on the report of a rollout: the interval over time, the two versions, servers' counts."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.markup import escape

from mlreg_dagster.cli.figures import as_number
from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.governance.rollout.ab import Report
from mlreg_dagster.governance.rollout.reporting import Answers


def looks_table(made: Report) -> Grid:
    """What was known at the end of each block of two days."""
    grid = Grid(
        f"Mean loss of {made.candidate} minus {made.champion}: above 0 it is worse",
        ("until", "blocks", "rows", "difference", "low", "high", "finding"),
        [asdict(each) for each in made.looks],
        empty="No block of two days has known outcomes yet.",
    )
    for each in made.looks:
        figures = (as_number(value) for value in (each.difference, each.low, each.high))
        when = f"{each.until:%Y-%m-%d %H:%M}"
        stopped = " (ends the test)" if each.blocks == made.stopped else ""
        grid.add_row(when, f"{each.blocks}", f"{each.pairs:,}", *figures, f"{each.finding}{stopped}")
    return grid


def arms_table(made: Report) -> Grid:
    """What each version did with the rows that both scored."""
    grid = Grid(
        f"On {made.rows:,} rows of both, {made.crashes:,} of them before a crash",
        ("version", "role", "flagged", "hits", "recall", "precision", "false alarm rate"),
        [asdict(each) for each in made.arms],
    )
    for each in made.arms:
        rates = (as_number(value) for value in (each.recall, each.precision, each.false_alarm_rate))
        grid.add_row(each.version, each.role, f"{each.flagged:,}", f"{each.hits:,}", *rates)
    return grid


def answers_table(answers: Sequence[Answers]) -> Grid:
    """What servers counted."""
    grid = Grid(
        "What servers counted",
        ("version", "what", "requests", "rows", "flagged", "errors", "slow", "CPU ms per 1,000 rows"),
        [asdict(each) for each in answers],
        empty="No server has followed it.",
    )
    for each in answers:
        counts = (f"{getattr(each, name):,}" for name in ("requests", "rows", "flagged", "errors", "slow"))
        grid.add_row(escape(each.version), each.what, *counts, as_number(each.cpu_ms_per_1000))
    return grid
