"""Checks how far the newest backup is behind the home, and that registry and tables are of one age."""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from mlreg_dagster.config.places import is_branch
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.health import Finding
from mlreg_dagster.operations.backup.newest import SNAPSHOTS, Newest, newest_of
from mlreg_dagster.operations.doctor.materializations import Made
from mlreg_dagster.operations.home import Home
from mlreg_dagster.outcomes.names import PREDICTIONS_TABLE

_MOST_HOURS = 24
_CREATE = "mlreg backup create FOLDER, with a folder on another disk"


def backups_are_recent(home: Home, made: Made | None) -> Iterator[Finding]:
    """The newest backup is not far behind the home, and no part of the home is an older backup than the others.

    What can't be read is said by other findings.

    Args:
        home: Whose backups.
        made: What runs made, by Dagster's event log; None where there is no such log.
    """
    if home.registry_file is not None and not home.registry_file.exists():
        return
    newest = newest_of(home.folder)
    try:
        versions, excused = home.registry.versions(), home.registry.lost_versions()
        records = home.registry.audit_head()[0]
        hours, predicted = _stored(home, newest)
    except (MlregError, duckdb.Error):
        return
    if not is_branch(home.folder):  # backups are made of production alone
        yield _newest_is_recent(newest, records, [version.version for version in versions], hours)
    known = {(version.version, version.artifact_sha256) for version in versions}
    yield _registry_knows_what_predicted(sorted({name for name, _ in predicted - known} - excused), made)


def _newest_is_recent(newest: Newest | None, records: int, versions: list[str], hours: int) -> Finding:
    """The newest backup is there, holds every version, and lacks a day of the tables at most.

    Args:
        newest: The one that the home remembers.
        records: Of the audit log.
        versions: Of the registry.
        hours: Of the tables that came after the backup.
    """
    if newest is None:
        return Finding("backup", "waiting", "This home has no backup that it knows of.", f"{_CREATE}.")
    named = f"The newest backup, {newest.backup} of {newest.made_at:%Y-%m-%d %H:%M},"
    if not Path(newest.backup).is_dir():
        seen = f"{named} is not there, or its disk is not mounted."
        return Finding("backup", "warning", seen, f"Mount it, or: {_CREATE}.")
    missing = [name for name in versions if name not in newest.versions]
    behind = [f"versions {', '.join(missing)} and their artifacts"] if missing else []
    behind += [f"{hours} hours of the tables"] if hours else []
    behind += [f"{records - newest.audit_sequence} records of the registry"] if records > newest.audit_sequence else []
    if not behind:
        return Finding("backup", "ok", f"{named} holds all versions, hours and records.")
    seen = f"{named} is older than the home: it lacks {'; '.join(behind)}."
    if missing or hours > _MOST_HOURS:
        return Finding("backup", "warning", seen, f"{_CREATE}.")
    return Finding("backup", "ok", seen)


def _registry_knows_what_predicted(unknown: list[str], made: Made | None) -> Finding:
    """The registry knows each version that the tables name: else it is an older copy than they are."""
    name = "versions of predictions"
    if not unknown:
        return Finding(name, "ok", "The registry knows each version that predicted.")
    seen = (
        f"Predictions are of {', '.join(unknown)}, which the registry does not know, or with other bytes: a backup of "
        f"the registry was put back that is older than the tables."
    )
    whole = "mlreg backup restore BACKUP --to PATH puts all parts of a later backup in place"
    if made is not None and set(unknown) <= made.versions:
        whole = f'mlreg restore --reason "an older copy was put back" records it; or {whole}'
    return Finding(name, "miss", seen, f"{whole}.")


def _stored(home: Home, newest: Newest | None) -> tuple[int, set[tuple[str, str]]]:
    """How many hours of snapshots came after the newest backup, and which versions predicted, with which bytes."""
    if not home.warehouse.exists():
        return 0, set()
    since = newest.newest_hour.timestamp() if newest and newest.newest_hour else 0
    with home.warehouse.look() as connection:
        there = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        later = f"SELECT count(DISTINCT hour) FROM {SNAPSHOTS} WHERE epoch(hour) > {since}"  # noqa: S608 - our own name
        hours = connection.execute(later).fetchall()[0][0] if SNAPSHOTS in there else 0
        predicted = (
            f"SELECT DISTINCT model_version, artifact_sha256 FROM {PREDICTIONS_TABLE} "  # noqa: S608 - our own name
            "WHERE regexp_full_match(model_version, 'v[0-9]+')"
        )
        return hours, set(connection.execute(predicted).fetchall()) if PREDICTIONS_TABLE in there else set()
