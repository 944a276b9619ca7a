"""Keys and endpoint of a lake's object store come from the AWS_… variables, and are not shown."""

import duckdb
import pytest

from mlreg_dagster.config.section import ConfigError
from mlreg_dagster.storage.warehouse.lake.extensions import load
from mlreg_dagster.storage.warehouse.lake.object_store import give_keys
from mlreg_dagster_tests.object_store import NAMES, variables


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    for name in (*NAMES, "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables("http://127.0.0.1:9000").items():
        monkeypatch.setenv(name, value)


def _secret():
    connection = duckdb.connect()
    load(connection, ("httpfs",))
    give_keys(connection, "s3://bucket/tables/")
    ((scope, text),) = connection.execute("SELECT scope, secret_string FROM duckdb_secrets()").fetchall()
    assert scope == ["s3://bucket/tables/"]
    return dict(pair.split("=", 1) for pair in text.split(";") if "=" in pair)


@pytest.mark.parametrize(
    ("endpoint", "kept"),
    [
        ("http://127.0.0.1:9000", {"endpoint": "127.0.0.1:9000", "use_ssl": "false", "url_style": "path"}),
        ("https://store:9000/", {"endpoint": "store:9000", "use_ssl": "true", "url_style": "path"}),
    ],
)
def test_an_endpoint_is_followed_with_the_whole_path(monkeypatch, endpoint, kept):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    found = _secret()
    assert found.items() >= {**kept, "secret": "redacted", "region": "us-east-1"}.items()


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_without_keys_one_is_told_which(monkeypatch, variable):
    monkeypatch.delenv(variable)
    with pytest.raises(ConfigError, match=variable):
        _secret()


@pytest.mark.parametrize("endpoint", ["store:9000", "ftp://store", "http://", "http://anna:geheim@store"])
def test_an_endpoint_that_can_not_be_meant_is_refused(monkeypatch, endpoint):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL") as told:
        _secret()
    assert "geheim" not in str(told.value)
