"""Tables of rollouts for the terminal and for `--json`: the changes of a split, and what decides about the next one."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.markup import escape

from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.governance.rollout.wording import share
from mlreg_dagster.registry import TrafficEvent


def traffic_facts(event: TrafficEvent | None) -> dict[str, Any] | None:
    """One change as plain values; None: there is none."""
    return None if event is None else {name: value for name, value in asdict(event).items() if name != "id"}


def traffic_table(events: Iterable[TrafficEvent]) -> Grid:
    """Changes of the split of an alias, the newest last."""
    events = list(events)
    columns = ("no.", "candidate", "champion", "state", "traffic", "since", "ruling", "by", "reason")
    grid = Grid("Rollouts", columns, [traffic_facts(each) for each in events], empty="No rollout was ever started.")
    for each in events:
        grid.add_row(
            f"{each.sequence}",
            each.candidate,
            each.champion,
            each.state,
            share(each),
            f"{each.effective_at:%Y-%m-%d %H:%M}",
            each.ruling,
            escape(each.actor),
            escape(each.reason),
        )
    return grid
