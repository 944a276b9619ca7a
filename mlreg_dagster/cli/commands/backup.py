"""`mlreg backup`: copies of a home at work, verified, listed and put in place elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlreg_dagster.cli.arguments import Actor, Reason
from mlreg_dagster.cli.session import AsJson, show

if TYPE_CHECKING:
    from datetime import datetime

    from mlreg_dagster.operations.backup.manifest import Manifest

backup = typer.Typer(help="Backups of a home: made while it is at work, verified, and restored on another path.")

Backup = Annotated[Path, typer.Argument(metavar="BACKUP", help="The folder of one backup.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="That holds backups, outside of the home.")]
_MB = 1 << 20


@backup.command("create")
def create_backup(
    folder: Folder,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy every file, in place of second names for those that never change.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy tables, registry, artifacts, payloads and the prediction log, as of one moment; nothing has to stop."""
    from mlreg_dagster.config import home_dir
    from mlreg_dagster.operations.backup.creation import create

    made, manifest = create(home_dir(), folder, link=not copy)
    lines = [
        f"{made} holds {len(manifest.files):,} files, {manifest.size / _MB:,.1f} MB, in {manifest.seconds:.1f} s. "
        f"Head of its audit log: {manifest.audit_head}."
    ]
    if manifest.damaged:
        lines.append(f"Damaged in the home already: {'; '.join(manifest.damaged)}. mlreg doctor says what to do.")
    if manifest.left_out:
        lines.append(f"Left out, for the registry does not know them: {', '.join(manifest.left_out)}.")
    show(as_json, *lines, **_facts(made, manifest))


@backup.command("verify")
def verify_backup(backup: Backup, as_json: AsJson = False) -> None:
    """Compare every file with its hash, and the registry with its audit log. Exits with 1 when anything differs."""
    from mlreg_dagster.operations.backup.manifest import verify

    manifest = verify(backup)
    sentence = (
        f"All {len(manifest.files):,} files of {backup} are as they were made, {manifest.made_at:%Y-%m-%d %H:%M}."
    )
    show(as_json, sentence, **_facts(backup, manifest))


@backup.command("list")
def list_backups(folder: Folder, as_json: AsJson = False) -> None:
    """The backups of a folder, the newest first, by their manifests alone; `verify` reads all of one."""
    from mlreg_dagster.operations.backup.manifest import listed

    found = listed(folder)
    lines = [
        f"{each.path}  {each.state}" if each.manifest is None else _line(each.path, each.manifest) for each in found
    ]
    facts = [
        {"backup": str(each.path), "state": each.state} if each.manifest is None else _facts(each.path, each.manifest)
        for each in found
    ]
    show(as_json, *lines or [f"There is no backup in {folder}."], backups=facts)


@backup.command("restore")
def restore_backup(
    backup: Backup,
    to: Annotated[Path, typer.Option("--to", help="The new home: not there yet, or an empty folder.")],
    reason: Reason,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup in place as a home on another path, and record it there. What lies elsewhere stays as it is.

    A server that MLREG_REGISTRY names gets the registry, if it holds none yet.
    """
    from datetime import UTC, datetime

    from mlreg_dagster.config import fit_for_databases, load_settings
    from mlreg_dagster.config.places import own_registry_url
    from mlreg_dagster.core.people import current_actor
    from mlreg_dagster.governance.decisions.authority import signing_key
    from mlreg_dagster.operations.backup.restoring import restore_backup as put_in_place
    from mlreg_dagster.operations.backup.restoring import server_of_environment
    from mlreg_dagster.operations.recovery import describe_restore
    from mlreg_dagster.registry import Attribution

    home = fit_for_databases(to, "--to")
    by = Attribution(current_actor(actor), datetime.now(UTC), reason)
    policy = load_settings().promotion
    server = server_of_environment()
    manifest, restored = put_in_place(backup, home, by, policy, signing_key(), server, _erased_by_now())
    show(
        as_json,
        describe_restore(restored),
        f"The home is {home}. Let MLREG_HOME name it, then run mlreg doctor. If Dagster's storage is newer than the "
        f'backup, mlreg restore --reason "…" records what it knows to be lost.',
        *_about_people(server or own_registry_url(home), by.time),
        home=str(home),
        restore=restored,
        **_facts(backup, manifest),
    )


def _erased_by_now() -> "list[str]":
    """The ids of the people whom the present home's registry has erased; none where it can't be asked."""
    from mlreg_dagster.cli.session import present_directory

    return [person.id for person in present_directory().people.values() if person.is_erased]


def _about_people(url: str, restored_at: "datetime") -> list[str]:
    """What the restored directory of people holds, and whose names were erased in it once more."""
    from mlreg_dagster.registry import Registry

    registry = Registry(url)
    people = registry.people()
    if not people:
        return []
    again = [each.person for each in registry.person_changes() if each.recorded_at == restored_at]
    named = sum(not person.is_erased for person in people)
    return [
        f"Its directory of people holds {named} names. Erased once more, since the present home had erased them: "
        f"{', '.join(again) or 'none'}. People who were erased after the backup and whom the present home does not "
        f"know are back: erase them again (mlreg people erase)."
    ]


def _line(path: Path, manifest: "Manifest") -> str:
    newest = manifest.versions[-1] if manifest.versions else "no version"
    return (
        f"{path}  made {manifest.made_at:%Y-%m-%d %H:%M}, {manifest.size / _MB:,.1f} MB, record {manifest.head[0]}, "
        f"{newest}"
    )


def _facts(path: Path, manifest: "Manifest") -> dict[str, Any]:
    return {
        "backup": str(path),
        "state": "whole",
        "made_at": manifest.made_at,
        "seconds": manifest.seconds,
        "audit_head": manifest.audit_head,
        "bytes": manifest.size,
        "versions": list(manifest.versions),
        "tables": {name: table.model_dump() for name, table in manifest.tables.items()},
        "damaged": list(manifest.damaged),
        "left_out": list(manifest.left_out),
    }
