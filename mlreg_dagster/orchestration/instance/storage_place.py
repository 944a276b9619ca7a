"""Whether Dagster's own storage is where its hosts can share it, told from `dagster.yaml` and without opening it."""

import os
from importlib.util import find_spec
from pathlib import Path

from mlreg_dagster.config.places import DAGSTER, TABLES, is_dagster_elsewhere, tables_url
from mlreg_dagster.core.health import Finding
from mlreg_dagster.core.untrusted.redaction import shown_url
from mlreg_dagster.orchestration.dagster_internals.dagster_database import UnknownStorage, database_url, is_ours

_NAME = "place of Dagster's storage"
_MISREAD = ("postgresql", "postgres", "postgresql+psycopg")


def storage_place(dagster_home: Path, home: Path) -> list[Finding]:
    """What is wrong with the place, or that it is PostgreSQL; nothing is said of one machine's files.

    Args:
        dagster_home: The folder of `dagster.yaml`.
        home: The data home.
    """
    config = dagster_home / "dagster.yaml"
    if not config.exists():
        return []
    try:
        url = database_url(dagster_home)
    except UnknownStorage as error:
        return [Finding(_NAME, "miss", str(error))]
    if url is None:
        return _of_files(config, home)
    if find_spec("dagster_postgres") is None:
        seen = f"{config} names PostgreSQL, and the package dagster-postgres is not installed."
        return [Finding(_NAME, "miss", seen, "Install mlreg-dagster[hosts].")]
    if not is_ours(dagster_home) and url.partition("://")[0] in _MISREAD:
        seen = (
            f"{config} has Dagster's own storage at {shown_url(url)}: with this scheme it takes the driver psycopg 3, "
            f"which refuses its statements, and no run starts."
        )
        advice = "Write postgresql+psycopg2:// there, or take the file of `mlreg init` with MLREG_DAGSTER set."
        return [Finding(_NAME, "miss", seen, advice)]
    return [Finding(_NAME, "ok", f"Runs and events are in {shown_url(url)}.")]


def _of_files(config: Path, home: Path) -> list[Finding]:
    advice = (
        f"Set {DAGSTER} to postgresql://user@host/name, move {os.path.realpath(config)} away, and have it made again: "
        f"`mlreg env`. See docs/how-to/dagster-postgres.md."
    )
    if is_dagster_elsewhere(home):
        seen = f"{DAGSTER} names a database, and {config} another storage, which is the one that counts."
        return [Finding(_NAME, "warning", seen, advice)]
    if tables_url(home) is not None:
        seen = f"{TABLES} names a lake that hosts share, and {config} keeps runs and events in files of this one."
        return [Finding(_NAME, "warning", seen, advice)]
    return []
