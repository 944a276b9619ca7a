"""Where the mirror of a home is: a database in the home, or what MLFLOW_TRACKING_URI names."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mlreg_dagster.config.places import MLFLOW, mlflow_artifacts, mlflow_file, mlflow_uri
from mlreg_dagster.config.section import ConfigError
from mlreg_dagster.core.untrusted.redaction import shown_url

_DATABASES, _SERVERS = ("sqlite", "postgresql", "mysql", "mssql"), ("http", "https")


@dataclass(frozen=True)
class Place:
    """A tracking server, or its database.

    Attributes:
        uri: As MLflow takes it; it may hold a password.
        artifacts: Where models are put; None: where the server puts them.
        lock: Held while the mirror is written.
    """

    uri: str
    artifacts: str | None
    lock: Path

    @property
    def shown(self) -> str:
        """The URI without a user, password or secret options."""
        return self.uri if self.uri.startswith("sqlite") else shown_url(self.uri)

    @property
    def is_missing(self) -> bool:
        """Whether it is an SQLite file that is not there, which opening it would make."""
        return self.uri.startswith("sqlite:///") and not Path(self.uri.removeprefix("sqlite:///")).exists()


def place_of(home: Path) -> Place:
    """Where the mirror of a home is.

    Raises:
        ConfigError: MLFLOW_TRACKING_URI names no database and no server.
    """
    uri = mlflow_uri(home)
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme not in (*_DATABASES, *_SERVERS):
        raise ConfigError(
            f"{MLFLOW} names {shown_url(uri)[:200]!a}, which is neither a database nor a server of MLflow. Write "
            f"sqlite:////path/mlflow.sqlite, postgresql://user@host/name or http://host:5000, or unset it: then the "
            f"mirror is {mlflow_file(home)}."
        )
    if scheme == "sqlite" and not uri.startswith("sqlite:////"):
        raise ConfigError(
            f"{MLFLOW} names a file by a relative path, which each process would take from its own folder. Write "
            f"sqlite:////path/mlflow.sqlite."
        )
    artifacts = None if scheme in _SERVERS else str(mlflow_artifacts(home))
    return Place(uri, artifacts, home / "mlflow.lock")
