"""The table of a sweep for the terminal, and its facts for `--json`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.markup import escape

from mlreg_dagster.cli.figures import as_number, in_colour, with_interval
from mlreg_dagster.core.display.text_table import Grid
from mlreg_dagster.models.sweeps.plan import Plan
from mlreg_dagster.models.sweeps.table import Row, baseline_of

_COLUMNS = (
    "number",
    "configuration",
    "version",
    "state",
    "AP",
    "margin",
    "against the base",
    "verdict",
    "failed gates",
)


def sweep_table(plan: Plan, rows: Sequence[Row], failed: Mapping[str, str] | None = None) -> Grid:
    """Every configuration, held against the base and the baseline.

    Args:
        plan: The sweep.
        rows: Of it.
        failed: Why runs failed just now, by version.
    """
    failed = failed or {}
    facts = [asdict(row) | {"failed_run": failed.get(row.version)} for row in rows]
    baseline = baseline_of(rows)
    grid = Grid(
        f"Sweep {plan.name}: the base and {plan.of} configurations on the dataset of {plan.dataset_day}",
        _COLUMNS,
        facts,
        caption="AP: average precision at finding planted anomalies. Margin: AP minus that of the baseline, a robust "
        "z-score on the same rows. Against the base: AP minus that of the model file as it stands, paired.",
    )
    for row in rows:
        verdict = row.verdict or ("-" if not row.number or not row.reason else "not comparable")
        grid.add_row(
            str(row.number),
            escape(row.name),
            row.version,
            {"evaluated": "[green]evaluated[/]", "rejected": "[red]rejected[/]"}.get(row.state, row.state),
            as_number(row.average_precision),
            with_interval(row.margin, row.margin_low, row.margin_high),
            with_interval(row.difference, row.low, row.high),
            in_colour(verdict),
            escape(", ".join(row.failed_gates)) or "-",
        )
    if baseline is not None:
        grid.add_row("-", "baseline (robust z-score)", "-", "-", as_number(baseline), "-", "-", "-", "-")
    grid.notes += [escape(f"{version} failed: {reason}") for version, reason in failed.items()]
    grid.notes += [escape(f"{row.version}: {row.reason}") for row in rows if row.state == "taken"]
    return grid


def plan_facts(plan: Plan) -> dict[str, Any]:
    """A plan as plain values."""
    return {"name": plan.name, "dataset_day": plan.dataset_day, "planned_at": plan.planned_at, "of": plan.of}
