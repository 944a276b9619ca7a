"""The table of suspensions for the terminal and for `--json`."""

from collections.abc import Iterable

from rich.markup import escape

from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.registry import Suspension
from mlreg_dagster.registry.records.suspensions import plain_facts


def suspensions_table(changes: Iterable[Suspension]) -> Grid:
    """How aliases were suspended and resumed, the newest last."""
    changes = list(changes)
    columns = ("no.", "alias", "what", "holder", "since", "by", "reason", "signed")
    grid = Grid("Suspensions", columns, [plain_facts(each) for each in changes], empty="No alias was ever suspended.")
    for each in changes:
        grid.add_row(
            f"{each.sequence}",
            escape(each.alias),
            each.event,
            each.version,
            f"{each.effective_at:%Y-%m-%d %H:%M:%S}",
            escape(each.actor),
            escape(each.reason),
            "yes" if each.signature else "no",
        )
    return grid
