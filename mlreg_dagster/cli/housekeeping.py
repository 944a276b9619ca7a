"""Commands that look after a home."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import typer

from mlreg_dagster.cli.opening import AsJson, open_runner, show

if TYPE_CHECKING:
    from mlreg_dagster.housekeeping.home import Home

_PATIENCE_S = 10.0  # how long the doctor waits for a process that keeps the tables


def doctor(as_json: AsJson = False) -> None:
    """Check a home without changing it, and say how to fix each finding. Exits with 1 when something is wrong."""
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.definitions import build_definitions
    from mlreg_dagster.housekeeping.doctor import examine, registered_versions
    from mlreg_dagster.orchestration.housekeeping import dagster_is_sound
    from mlreg_dagster.tables import findings_table

    settings, folder = load_settings(), home_dir()
    home = _home(folder, build_definitions(settings, folder).resources or {})
    home.warehouse.lock_timeout_s = _PATIENCE_S
    findings = examine(home, settings, pd.Timestamp.now(tz="UTC"))
    if folder.is_dir():
        dagster_home = os.environ.setdefault("DAGSTER_HOME", str(folder / "dagster"))
        findings += dagster_is_sound(Path(dagster_home), registered_versions(home))
    show(as_json, home=str(folder), findings=findings_table(str(folder), findings))
    raise typer.Exit(1 if any(finding.state == "miss" for finding in findings) else 0)


def tidy(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Clear away what retention.yaml does not keep, and compact the tables' file."""
    from mlreg_dagster import jobs
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.housekeeping.jobs import all_chores

    runner = open_runner()
    home = _home(home_dir(), runner.definitions.resources or {})
    found = [
        {"chore": chore.name, "found": chore.found}
        for chore in all_chores(home, runner.settings, runner.instance, pd.Timestamp.now(tz="UTC"))
    ]
    if found and not dry_run:
        runner.run(jobs.TIDY)
    verb = "Would clear away" if dry_run else "Cleared away"
    lines = [f"{verb} {each['chore']}: {each['found']}." for each in found] or ["Nothing is to be cleared away."]
    show(as_json, *lines, dry_run=dry_run, chores=found)


def _home(folder: Path, resources: Any) -> "Home":
    from mlreg_dagster.housekeeping.jobs import open_home

    return open_home(folder, *(resources[name].value for name in ("warehouse", "artifacts", "registry")))
