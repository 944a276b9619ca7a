"""Tables of rollouts for the terminal and for `--json`: the changes of a split, and what decides about the next one."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.evidence.card.elements import flat
from mlreg_dagster.governance.rollout.wording import share
from mlreg_dagster.registry import TrafficEvent
from mlreg_dagster.registry.records.traffic import plain_facts

if TYPE_CHECKING:  # with what it takes to look
    from mlreg_dagster.governance.rollout.looking import Look


def traffic_table(events: Iterable[TrafficEvent]) -> Grid:
    """Changes of the split of an alias, the newest last."""
    events = list(events)
    columns = ("no.", "candidate", "champion", "state", "traffic", "since", "ruling", "by", "reason")
    grid = Grid("Rollouts", columns, [plain_facts(each) for each in events], empty="No rollout was ever started.")
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


def decision_facts(found: "Look | None") -> dict[str, Any] | None:
    """What the decision table says now; None: no rollout is open."""
    if found is None:
        return None
    return {**asdict(found.decision), "paused": found.paused, "since": found.since}


def figures_table(figures: Mapping[str, Any]) -> Grid:
    """The figures of a look, by their dotted names; settings, which are as configured, are in the JSON alone."""
    grid = Grid("Figures", ("figure", "value"), dict(figures))
    measured = {name: value for name, value in figures.items() if name not in ("policy", "budgets", "decision")}
    for name, value in flat(measured).items():
        grid.add_row(name.replace("_", " "), escape(_in_words(value)))
    return grid


def _in_words(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
