"""How DuckDB reaches an object store: the keys and the endpoint that the AWS_… variables name, kept in memory alone."""

import os
from urllib.parse import urlsplit

import duckdb

from mlreg_dagster.config.section import ConfigError

_SECRET = "mlreg_object_store"  # noqa: S105 - a name


def give_keys(connection: duckdb.DuckDBPyConnection, data_path: str) -> None:
    """Let a database use the keys of the environment for one folder of a bucket.

    Raises:
        ConfigError: There are no keys, or the endpoint can't be read.
    """
    settings = ", ".join(f"{name} {_literal(value)}" for name, value in _settings().items())
    connection.execute(f"CREATE OR REPLACE SECRET {_SECRET} (TYPE s3, {settings}, SCOPE {_literal(data_path)})")


def _settings() -> dict[str, str | bool]:
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        raise ConfigError(
            "The files of the lake are in an object store, and there are no keys for it. Set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY; AWS_REGION and AWS_ENDPOINT_URL where the store needs them."
        )
    settings: dict[str, str | bool] = {"KEY_ID": key, "SECRET": secret}
    if token := os.environ.get("AWS_SESSION_TOKEN"):
        settings["SESSION_TOKEN"] = token
    if region := os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        settings["REGION"] = region
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise ConfigError("AWS_ENDPOINT_URL is no address of an object store. Write https://host:port.")
        place = f"{parts.netloc}{parts.path.rstrip('/')}"
        settings |= {"ENDPOINT": place, "USE_SSL": parts.scheme == "https", "URL_STYLE": "path"}
    return settings


def _literal(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else "'{}'".format(value.replace("'", "''"))
