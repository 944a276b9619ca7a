"""The tables of branches; their facts are documented in docs/json.md."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from mlreg_dagster.core.display.text_table import Grid

if TYPE_CHECKING:
    from mlreg_dagster.operations.branches.comparison import Comparison
    from mlreg_dagster.operations.branches.finding import Branch
    from mlreg_dagster.operations.branches.record import TableState

_SHOWN_OF_HASH = 12


def branch_facts(branch: "Branch") -> dict[str, Any]:
    """A branch in plain values."""
    record = branch.record
    return {
        "name": branch.name,
        "home": str(branch.home),
        "source": record.source,
        "made_at": record.made_at,
        "made_by": record.made_by,
        "reason": record.reason,
        "release": record.release,
        "audit_head": f"{record.audit_sequence}:{record.audit_hash}",
        "versions": list(record.versions),
        "tables": {name: state.model_dump() for name, state in record.tables.items()},
        "artifacts": record.artifacts,
    }


def branches_table(branches: "Iterable[Branch]") -> Grid:
    """Branches with the time of their snapshot."""
    branches = list(branches)
    columns = ("branch", "made (UTC)", "by", "reason", "home")
    empty = "There is no branch. mlreg branch create makes one."
    grid = Grid("Branches", columns, [branch_facts(each) for each in branches], empty)
    for each in branches:
        made = f"{each.made_at:%Y-%m-%d %H:%M}"
        grid.add_row(each.name, made, escape(each.record.made_by), escape(each.record.reason), escape(str(each.home)))
    return grid


def difference_table(found: "Comparison") -> Grid:
    """What differs between a branch and production, a row each."""
    title = f"{found.name} (a snapshot of {found.made_at:%Y-%m-%d %H:%M} UTC) and prod"
    grid = Grid(title, ("what", found.name, "prod"), found, f"{title}: nothing differs.")
    for name, side in found.versions.items():
        grid.add_row(name, _version(side.branch), _version(side.prod))
    for alias, side in found.aliases.items():
        grid.add_row(escape(alias), side.branch or "-", side.prod or "-")
    if found.policy is not None:
        grid.add_row("policy in force", *(_short(each) for each in (found.policy.branch, found.policy.prod)))
    for kind, side in found.records.items():
        grid.add_row(f"new records: {kind}", str(side.branch or 0), str(side.prod or 0))
    for name, table in found.tables.items():
        grid.add_row(name, _table(table.branch), _table(table.prod))
    for name in found.configs:
        grid.add_row(f"{name}.yaml", "as now, for both", "changed since the snapshot")
    return grid


def _version(side: dict[str, str] | None) -> str:
    return f"{side['status']}, {_short(side['artifact_sha256'])}" if side else "-"


def _short(digest: str | None) -> str:
    return digest[:_SHOWN_OF_HASH] if digest else "-"


def _table(state: "TableState | None") -> str:
    if state is None:
        return "-"
    newest = f", to {state.newest:%Y-%m-%d %H:%M}" if state.newest else ""
    hours = f" in {state.hours:,} partitions" if state.hours is not None else ""
    return f"{state.rows:,} rows{hours}{newest}"
