"""Which PostgreSQL database a `dagster.yaml` names for Dagster's storage, read without Dagster."""

import os
from pathlib import Path
from typing import Any

import yaml

from mlreg_dagster.config import plain_yaml
from mlreg_dagster.core.errors import MlregError

MODULE, CLASS = "mlreg_dagster.orchestration.dagster_internals.postgres_storage", "BatchedPostgresStorage"
"""The storage that a `dagster.yaml` of ours names."""

ELSEWHERE = ("event_log_storage", "run_storage", "local_artifact_storage", "instance_class")
"""Keys of a `dagster.yaml` beside `storage` that put parts of it elsewhere."""


class UnknownStorage(MlregError):
    """What Dagster stores can't be read without Dagster."""


def database_url(dagster_home: Path) -> str | None:
    """The URL of the database; None where the storage is another one, or the file can't be read.

    Args:
        dagster_home: The folder of `dagster.yaml`.

    Raises:
        UnknownStorage: A variable that the file names is not set.
    """
    config = dagster_home / "dagster.yaml"
    if (settings := _settings(config)) is None:
        return None
    try:
        if (url := settings.get("postgres_url")) is not None:
            return _value(url)
        from sqlalchemy import URL  # which those who read files do without

        place = {name: _value(value) for name, value in settings["postgres_db"].items() if name != "params"}
        return URL.create(
            place.get("scheme", "postgresql"),
            place["username"],
            place.get("password"),
            place["hostname"],
            int(place.get("port", 5432)),
            place["db_name"],
            query=settings["postgres_db"].get("params") or {},
        ).render_as_string(hide_password=False)
    except KeyError as error:
        raise UnknownStorage(
            f"{config} names the environment variable {error.args[0]} for Dagster's database, and it is not set. Set "
            f"it to postgresql://user@host/name, the password in it or in a password file (PGPASSFILE)."
        ) from None
    except (AttributeError, TypeError, ValueError):
        raise UnknownStorage(f"{config} names Dagster's database in a way that can't be read.") from None


def is_ours(dagster_home: Path) -> bool:
    """Whether the database is opened by the project's own storage, which fixes the scheme of its URL."""
    storage = _storage(dagster_home / "dagster.yaml")
    return isinstance(storage, dict) and "custom" in storage


def _settings(config: Path) -> dict[str, Any] | None:
    storage = _storage(config)
    if not isinstance(storage, dict):
        return None
    custom = storage.get("custom")
    if isinstance(custom, dict) and (custom.get("module"), custom.get("class")) == (MODULE, CLASS):
        found = custom.get("config")
    else:
        found = storage.get("postgres")
    return found if isinstance(found, dict) else None


def _storage(config: Path) -> Any:
    try:
        values = plain_yaml.parse(config.read_text(encoding="utf-8")) or {}
    except (OSError, ValueError, yaml.YAMLError):
        return None
    if not isinstance(values, dict) or values.keys() & set(ELSEWHERE):
        return None
    return values.get("storage")


def _value(setting: Any) -> str:
    """A setting of Dagster's, which may name an environment variable."""
    return os.environ[setting["env"]] if isinstance(setting, dict) else str(setting)
