"""The table of a version's attempts at passing its gates.

Its facts are documented in docs/json.md.
"""

from collections.abc import Sequence

from rich.markup import escape

from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.models.evaluation.attempts import Attempt, failed_first


def attempts_table(version: str, attempts: Sequence[Attempt]) -> Grid:
    """Every evaluation of a version, those that failed first."""
    shown = failed_first(attempts)
    grid = Grid(
        f"Attempts of {version}, failed ones first",
        ("attempt", "evaluation", "result", "failed gates", "changed since the attempt before", "seeds", "days", "by"),
        [each.facts for each in shown],
        empty=f"{version} was never evaluated.",
    )
    for each in shown:
        facts = each.facts
        result = "[green]passed[/]" if facts["passed"] else "[red]FAILED[/]"
        grid.add_row(
            str(each.number),
            f"#{facts['evaluation']}",
            f"{result} (experiment)" if facts["is_experiment"] else result,
            escape(", ".join(each.failed)) or "-",
            escape("; ".join(each.changed)) or "-",
            ", ".join(map(str, facts["seeds"])) or "-",
            ", ".join(str(day) for day in facts["days"] if day) or "-",
            escape(facts["actor"]),
        )
    return grid
