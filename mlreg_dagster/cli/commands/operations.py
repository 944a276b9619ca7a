"""Commands that check, prune and repair a home."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlreg_dagster.cli.arguments import Actor, Reason
from mlreg_dagster.cli.session import AsJson, open_runner, show

if TYPE_CHECKING:
    from mlreg_dagster.operations.home import Home

_PATIENCE_S = 10.0  # how long the doctor waits for a process that keeps the tables


def doctor(as_json: AsJson = False) -> None:
    """Check a home without changing it, and say how to fix each finding. Exits with 1 when something is wrong."""
    from contextlib import nullcontext

    import pandas as pd

    from mlreg_dagster.cli.tables import findings_table
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.config.places import dagster_home
    from mlreg_dagster.core.health import Finding
    from mlreg_dagster.definitions import build_definitions
    from mlreg_dagster.operations.doctor.doctor import examine, registered_versions
    from mlreg_dagster.operations.retention.jobs import made_by_runs
    from mlreg_dagster.orchestration.instance.cleanup import dagster_is_sound, opened
    from mlreg_dagster.orchestration.instance.storage_place import storage_place

    settings, folder, now = load_settings(), home_dir(), pd.Timestamp.now(tz="UTC")
    home = _home(folder, build_definitions(settings, folder).resources or {})
    home.warehouse.guard.timeout_s = _PATIENCE_S
    os.environ["DAGSTER_HOME"] = str(dagster_home(folder))  # its file asks for it
    place = storage_place(dagster_home(folder), folder)
    misplaced = next((finding for finding in place if finding.state == "miss"), None)
    with opened(dagster_home(folder)) if misplaced is None else nullcontext(misplaced) as instance:
        if isinstance(instance, Finding):
            findings = examine(home, settings, now)
            findings += [instance] if folder.is_dir() and instance is not misplaced else []
        else:
            findings = examine(home, settings, now, made_by_runs(instance))
            findings += dagster_is_sound(instance, registered_versions(home))
    findings += place
    show(as_json, home=str(folder), findings=findings_table(str(folder), findings))
    raise typer.Exit(1 if any(finding.state == "miss" for finding in findings) else 0)


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be deleted.")] = False,
    future: Annotated[
        bool, typer.Option("--future", help="Set aside what a clock that was ahead stored for hours after now.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete what retention.yaml does not keep, and compact the tables' file."""
    import pandas as pd

    from mlreg_dagster import jobs
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.operations.retention.jobs import all_tasks

    runner = open_runner()
    home = _home(home_dir(), runner.definitions.resources or {})
    found = [
        {"chore": task.name, "found": task.found}
        for task in all_tasks(home, runner.settings, runner.instance, pd.Timestamp.now(tz="UTC"), future=future)
    ]
    if found and not dry_run:
        runner.run(jobs.PRUNE, {"ops": {"clear_away": {"config": {"future": future}}}})
    done = "set aside" if future else "clear away"
    verb = f"Would {done}" if dry_run else "Set aside" if future else "Cleared away"
    lines = [f"{verb} {each['chore']}: {each['found']}." for each in found] or ["Nothing is to be cleared away."]
    show(as_json, *lines, dry_run=dry_run, future=future, chores=found)


def upgrade(
    backup_made: Annotated[
        bool, typer.Option("--backup-made", help="A registry in PostgreSQL was copied; SQLite is copied by itself.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a home of an older release up to date, after a copy of its registry was made."""
    from mlreg_dagster.config import home_dir, load_settings
    from mlreg_dagster.config.places import dagster_home
    from mlreg_dagster.definitions import build_definitions
    from mlreg_dagster.operations.upgrade import upgrade as upgrade_home

    folder = home_dir()
    registry = (build_definitions(load_settings(), folder).resources or {})["mlreg_registry"].value.open()
    done = upgrade_home(registry, folder, dagster_home(folder), copied=backup_made)
    schema = done.registry
    if schema.before is None:
        lines = [f"There is no registry yet in {folder}. The first command makes it."]
    elif schema.before == schema.after:
        lines = [f"The registry has schema {schema.after}, which is that of this release. Nothing is to be upgraded."]
    else:
        lines = [
            f"The registry was upgraded from schema {schema.before} to {schema.after}. All {schema.records} records of "
            f"its audit log fit."
        ]
    if schema.backup is not None:
        lines.append(f"A copy of it as it was before is kept in {schema.backup}.")
    if done.mirrored:
        lines.append("The tables were mirrored for pages, clients and notebooks.")
    if done.dagster_yaml is not None:
        lines.append(f"{done.dagster_yaml} names the module of Dagster's storage by its new name.")
    show(
        as_json,
        *lines,
        home=str(folder),
        schema_before=schema.before,
        schema_after=schema.after,
        records=schema.records,
        backup=None if schema.backup is None else str(schema.backup),
        mirrored=done.mirrored,
        dagster_yaml=None if done.dagster_yaml is None else str(done.dagster_yaml),
    )


def mirror(as_json: AsJson = False) -> None:
    """Write the Parquet mirror of all tables again, which pages, clients and notebooks read."""
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.core.errors import MlregError
    from mlreg_dagster.storage.warehouse.opening import open_warehouse

    tables = open_warehouse(home_dir())
    if tables.mirror is None:
        raise MlregError(f"{tables.place} needs no mirror: pages, clients and notebooks read the tables themselves.")
    tables.mirror_again()
    layout = tables.mirror.layout
    names = layout.names() if tables.exists() else []
    done = (
        f"{len(names)} tables are mirrored in {layout.root}."
        if names
        else f"There are no tables in {tables.place} yet."
    )
    show(as_json, done, mirror=str(layout.root), tables=names)


def correct(
    alias: Annotated[str, typer.Argument(help="champion, challenger, …")],
    reason: Reason,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Take back the moves of an alias that a clock that was ahead recorded after now. They stay on record."""
    from mlreg_dagster import jobs
    from mlreg_dagster.cli.tables import history_table

    runner = open_runner()
    runner.run(jobs.CORRECT, {"ops": {"take_back": {"config": {"alias": alias, "reason": reason, "actor": actor}}}})
    show(as_json, moves=history_table(runner.registry.history(alias)))


def restore(reason: Reason, actor: Actor = None, as_json: AsJson = False) -> None:
    """Record that an older copy of the registry was put back, and which records it lacks."""
    from mlreg_dagster import jobs
    from mlreg_dagster.operations.recovery import describe_restore

    runner = open_runner()
    runner.run(jobs.RESTORE, {"ops": {"record_restore": {"config": {"reason": reason, "actor": actor}}}})
    newest = runner.registry.restores()[-1]
    show(as_json, describe_restore(newest), restore=newest)


def _home(folder: Path, resources: Any) -> "Home":
    from mlreg_dagster.operations.retention.jobs import open_home

    return open_home(
        folder, *(resources[name].value for name in ("mlreg_warehouse", "mlreg_artifacts", "mlreg_registry"))
    )
