"""Where a home keeps what: one place for the names of its files, and for the variables that name other places.

A branch keeps everything itself: the variables name the places of production, which a branch never writes to. Nothing
is opened or made here.
"""

import os
from pathlib import Path

from mlreg_dagster.config.section import ConfigError
from mlreg_dagster.core.untrusted.redaction import password_in

REGISTRY, ARTIFACTS, LATEST = "MLREG_REGISTRY", "MLREG_ARTIFACTS", "MLREG_LATEST"
"""Environment variables that name a registry, and folders of artifacts and of the newest hour, elsewhere, as URLs."""
TABLES = "MLREG_TABLES"
"""The environment variable that names a lake, which keeps the tables for many hosts."""
DAGSTER = "MLREG_DAGSTER"
"""The environment variable that names a PostgreSQL database for what Dagster itself stores, as a URL."""
SERVING_KEYS = "MLREG_SERVING_KEYS"
"""The environment variable that names a file of the server's API keys elsewhere."""
MLFLOW = "MLFLOW_TRACKING_URI"
"""MLflow's own environment variable, which names a database or a server for the mirror of the registry."""

_SCHEME, _OF_DISK = "://", {"file", "local"}


def branches_root(home: Path) -> Path:
    """The folder of a home's branches, each a whole home."""
    return home / "branches"


def branch_file(home: Path) -> Path:
    """The record that makes a home a branch."""
    return home / "branch.json"


def is_branch(home: Path) -> bool:
    """Whether a home is a branch of another one."""
    return os.path.isfile(branch_file(home))  # noqa: PTH113 # False where no disk takes the name


def dagster_home(home: Path) -> Path:
    """Dagster's home: what DAGSTER_HOME names, else the folder in the home; always the latter in a branch."""
    return Path(_named_by("DAGSTER_HOME", home) or home / "dagster")


def is_dagster_elsewhere(home: Path) -> bool:
    """Whether MLREG_DAGSTER names the database of Dagster's instance of a home.

    Raises:
        ConfigError: It names no database in PostgreSQL.
    """
    if (named := _named_by(DAGSTER, home)) is None:
        return False
    if not named.partition(_SCHEME)[0].startswith("postgresql") or _SCHEME not in named:
        raise ConfigError(f"{DAGSTER} names no database in PostgreSQL. Write postgresql://user@host/name.")
    return True


def registry_url(home: Path) -> str:
    """The SQLAlchemy URL of the registry: what MLREG_REGISTRY names, else the file in the home.

    Raises:
        ConfigError: MLREG_REGISTRY can't be read, or names a file by a relative path.
    """
    if not (named := _named_by(REGISTRY, home)):
        return own_registry_url(home)
    from sqlalchemy import make_url  # which those who only ask for the home do without
    from sqlalchemy.exc import ArgumentError

    text = as_registry_url(named)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError(
            f"{REGISTRY} can't be read as a URL. Write /path/registry.sqlite or postgresql://user@host/name."
        ) from None  # whose cause may show a password
    name = url.database
    if url.get_backend_name() == "sqlite" and name and not name.startswith(("file:", ":")):
        _require_absolute(REGISTRY, Path(name))
    return text


def is_registry_elsewhere(home: Path) -> bool:
    """Whether MLREG_REGISTRY decides where the registry of a home is."""
    return _named_by(REGISTRY, home) is not None


def own_registry_url(home: Path) -> str:
    """The SQLAlchemy URL of the registry of a home that keeps it itself."""
    return as_registry_url(str(registry_file(home)))


def registry_file(home: Path) -> Path:
    """The registry of a home that keeps it itself."""
    return home / "registry.sqlite"


def as_registry_url(text: str) -> str:
    """The SQLAlchemy URL that a text names: a URL, or the path of an SQLite file."""
    if _SCHEME in text:
        return text
    from sqlalchemy import URL

    return URL.create("sqlite", database=str(Path(text).expanduser())).render_as_string(hide_password=False)


def artifacts_root(home: Path) -> str:
    """The folder or URL of the artifacts: what MLREG_ARTIFACTS names, else the folder in the home.

    Raises:
        ConfigError: MLREG_ARTIFACTS names a folder by a relative path, or has a secret in it.
    """
    return _folder_named_by(ARTIFACTS, home) or str(home / "artifacts")


def raw_roots(home: Path) -> tuple[str, ...]:
    """The folder or URL of raw payloads, and one that is only read: hosts share them where they share artifacts.

    No kind of artifact begins with a dot, so none collides with them. What was landed in the home before is read there.

    Raises:
        ConfigError: MLREG_ARTIFACTS names a folder by a relative path, or has a secret in it.
    """
    own, artifacts = str(home / "raw"), artifacts_root(home)
    scheme, is_url, _ = artifacts.partition(_SCHEME)
    return (f"{artifacts.rstrip('/')}/.raw", own) if is_url and scheme not in _OF_DISK else (own,)


def latest_root(home: Path) -> str:
    """The folder or URL of the mirror of the newest hour: what MLREG_LATEST names, else the folder in the home.

    Raises:
        ConfigError: MLREG_LATEST names a folder by a relative path, or has a secret in it.
    """
    return _folder_named_by(LATEST, home) or str(home / "latest")


def tables_url(home: Path) -> str | None:
    """The URL of the lake that keeps the tables, which MLREG_TABLES names; None: a file in the home does.

    It may hold a password, and is never shown; `storage.warehouse.lake` reads it.
    """
    return _named_by(TABLES, home)


def warehouse_file(home: Path) -> Path:
    """The file of the tables of a home that keeps them itself."""
    return home / "warehouse.duckdb"


def mirror_root(home: Path) -> Path:
    """The folder of the Parquet mirror of all tables."""
    return home / "mirror"


def tuning_root(home: Path) -> Path:
    """Where studies are worked at: Optuna's storage, and what their trials are judged by."""
    return home / "tuning"


def serving_keys_file(home: Path) -> Path:
    """The file of the server's API keys: what MLREG_SERVING_KEYS names, else the file in the home.

    Raises:
        ConfigError: MLREG_SERVING_KEYS names it by a relative path.
    """
    if not (named := _named_by(SERVING_KEYS, home)):
        return home / "serving-keys.json"
    return _require_absolute(SERVING_KEYS, Path(named).expanduser())


def mlflow_uri(home: Path) -> str:
    """The tracking URI of the mirror in MLflow: what MLFLOW_TRACKING_URI names, else a file in the home.

    It may hold a password, and is never shown.
    """
    return _named_by(MLFLOW, home) or f"sqlite:///{mlflow_file(home)}"


def is_mlflow_named(home: Path) -> bool:
    """Whether MLFLOW_TRACKING_URI decides where the mirror of a home is."""
    return _named_by(MLFLOW, home) is not None


def mlflow_file(home: Path) -> Path:
    """The database of MLflow of a home whose mirror is not elsewhere."""
    return home / "mlflow.sqlite"


def mlflow_artifacts(home: Path) -> Path:
    """The folder of the models of the mirror, where no server keeps them."""
    return home / "mlflow"


def _named_by(variable: str, home: Path) -> str | None:
    """What a variable names for a home; None where it names nothing, or the home is a branch."""
    return None if is_branch(home) else os.environ.get(variable) or None


def _folder_named_by(variable: str, home: Path) -> str | None:
    text = _named_by(variable, home)
    if not text:
        return None
    if _SCHEME not in text:
        return str(_require_absolute(variable, Path(text).expanduser()))
    if password_in(text):
        raise ConfigError(
            f"{variable} has a secret in it, which messages and records would show. Leave it out of the URL: object "
            f"stores take their keys from variables of their own, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    return text


def _require_absolute(variable: str, path: Path) -> Path:
    if not path.is_absolute():
        raise ConfigError(
            f"{variable} names {str(path)[:200]!a} by a relative path, which each process would take from its own "
            f"folder. Write the whole path."
        )
    return path
