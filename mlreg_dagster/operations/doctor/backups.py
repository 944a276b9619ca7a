"""Checks how far the newest backup is behind the home, and that registry and tables are of one age."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.health import Finding
from mlreg_dagster.operations.backup.newest import SNAPSHOTS, Newest, newest_of
from mlreg_dagster.operations.doctor.materializations import Made
from mlreg_dagster.operations.home import Home
from mlreg_dagster.outcomes.names import PREDICTIONS_TABLE

_LATEST_BACKUP = pd.Timedelta(days=1)
_CREATE = "mlreg backup create FOLDER, with a folder on another disk"


def backups_are_recent(home: Home, made: Made | None) -> Iterator[Finding]:
    """The newest backup is not far behind the home, and no part of the home is an older backup than the others.

    Args:
        home: Whose; of a registry that is not there, or of another schema, others tell.
        made: What runs made, by Dagster's event log; None where there is no such log.
    """
    if home.registry_file is not None and not home.registry_file.exists():
        return
    yield _newest_is_recent(home)
    yield from _registry_knows_what_predicted(home, made)


def _newest_is_recent(home: Home) -> Finding:
    """The newest backup is there, holds every version, and lacks a day of the tables at most."""
    newest = newest_of(home.folder)
    if newest is None:
        return Finding("backup", "waiting", "This home has no backup that it knows of.", f"{_CREATE}.")
    named = f"The newest backup, {newest.backup} of {newest.made_at:%Y-%m-%d %H:%M},"
    if not Path(newest.backup).is_dir():
        seen = f"{named} is not there, or its disk is not mounted."
        return Finding("backup", "warning", seen, f"Mount it, or: {_CREATE}.")
    records, versions, hours = _lacking(home, newest)
    behind = [f"versions {', '.join(versions)} and their artifacts"] if versions else []
    behind += [f"{hours} hours of the tables"] if hours else []
    behind += [f"{records} records of the registry"] if records > 0 else []
    if not behind:
        return Finding("backup", "ok", f"{named} holds all versions, hours and records.")
    seen = f"{named} is older than the home: it lacks {'; '.join(behind)}."
    if versions or hours * pd.Timedelta(hours=1) > _LATEST_BACKUP:
        return Finding("backup", "warning", seen, f"{_CREATE}.")
    return Finding("backup", "ok", seen)


def _registry_knows_what_predicted(home: Home, made: Made | None) -> Iterator[Finding]:
    """The registry knows each version that the tables name: else it is an older copy than they are."""
    try:
        known = {(version.version, version.artifact_sha256) for version in home.registry.versions()}
        excused = home.registry.lost_versions()
        found = set(
            _rows(
                home,
                PREDICTIONS_TABLE,
                f"SELECT DISTINCT model_version, artifact_sha256 FROM {PREDICTIONS_TABLE} "  # noqa: S608 - our own name
                "WHERE regexp_full_match(model_version, 'v[0-9]+')",
            )
        )
    except (MlregError, duckdb.Error):  # said already
        return
    name = "versions of predictions"
    unknown = sorted({version for version, sha256 in found - known} - excused)
    if not unknown:
        yield Finding(name, "ok", "The registry knows each version that predicted.")
        return
    seen = (
        f"Predictions are of {', '.join(unknown)}, which the registry does not know, or with other bytes: a backup of "
        f"the registry was put back that is older than the tables."
    )
    whole = "mlreg backup restore BACKUP --to PATH puts all parts of a later backup in place"
    if made is not None and set(unknown) <= made.versions:
        whole = f'mlreg restore --reason "an older copy was put back" records it; or {whole}'
    yield Finding(name, "miss", seen, f"{whole}.")


def _lacking(home: Home, newest: Newest) -> tuple[int, list[str], int]:
    """Records, versions and hours that came after a backup; those that can't be read are said by other findings."""
    records, versions, hours = 0, [], 0
    try:
        records = home.registry.audit_head()[0] - newest.audit_sequence
        versions = [each.version for each in home.registry.versions() if each.version not in newest.versions]
        since = newest.newest_hour.timestamp() if newest.newest_hour else 0
        sql = f"SELECT count(DISTINCT hour) FROM {SNAPSHOTS} WHERE epoch(hour) > {since}"  # noqa: S608 - our own name
        hours = sum(count for (count,) in _rows(home, SNAPSHOTS, sql))
    except (MlregError, duckdb.Error):
        pass
    return records, versions, hours


def _rows(home: Home, table: str, sql: str) -> list[tuple[Any, ...]]:
    if not home.warehouse.path.exists():
        return []
    with home.warehouse.file.connect_read_only() as connection:
        there = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = $name", {"name": table})
        return connection.execute(sql).fetchall() if there.fetchall()[0][0] else []
