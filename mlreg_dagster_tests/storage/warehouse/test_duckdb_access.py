"""No statement brings code from outside, or reaches a file or an address that it was not given."""

import socket

import duckdb
import pandas as pd
import pytest

from mlreg_dagster.config import ArchiveSettings
from mlreg_dagster.market.sources.archive.source import Archive
from mlreg_dagster.operations.retention.compaction import compact
from mlreg_dagster.storage.warehouse.duckdb_access import connect, folder_of
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse

SETTINGS = (
    "autoinstall_known_extensions",
    "autoload_known_extensions",
    "allow_community_extensions",
    "enable_external_access",
    "allow_unsigned_extensions",
    "allow_persistent_secrets",
)


@pytest.fixture
def outside(tmp_path):
    """A file that nothing should read, in a folder beside."""
    path = tmp_path / "outside" / "precious.csv"
    path.parent.mkdir()
    path.write_text("a\n1\n")
    return path


@pytest.fixture(params=["warehouse", "read only", "archive", "memory"])
def connection(request, tmp_path):
    warehouse = DuckDBWarehouse(tmp_path / "home" / "warehouse.duckdb")
    with warehouse.connect():
        pass
    if request.param == "archive":
        (tmp_path / "archive").mkdir()
        bars = pd.DataFrame({"asset_id": ["a"], "symbol": ["A"], "ts": [pd.Timestamp("2026-01-01", tz="UTC")]})
        bars.assign(close=1.0, volume=1.0).to_parquet(tmp_path / "archive" / "bars.parquet")
        opened = Archive(ArchiveSettings(path=str(tmp_path / "archive" / "*.parquet")), 1)._bars()
    else:
        opened = {"warehouse": warehouse.connect, "read only": warehouse.file.connect_read_only, "memory": connect}[
            request.param
        ]()
    with opened as connection:
        yield connection


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_is_off(connection, setting):
    assert connection.execute(f"SELECT current_setting('{setting}')").fetchone() == (False,)


def test_no_statement_leaves_the_database(connection, outside):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        port = server.getsockname()[1]
        for statement in (
            f"SELECT * FROM read_csv('{outside}')",
            f"SELECT * FROM read_text('{outside.parent}/*')",
            f"COPY (SELECT 1) TO '{outside.parent}/new.csv'",
            f"ATTACH '{outside.parent}/new.duckdb'",
            f"SELECT * FROM read_parquet('http://127.0.0.1:{port}/x.parquet')",
            f"INSTALL httpfs FROM 'http://127.0.0.1:{port}'",
            "LOAD httpfs",
            f"LOAD '{outside}'",
            "INSTALL spatial FROM community",
            "SET enable_external_access = true",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(statement)
        with pytest.raises(BlockingIOError):  # nothing waits to be accepted
            server.accept()
    assert [path.name for path in outside.parent.iterdir()] == ["precious.csv"]


def test_tables_are_copied_beside_their_file_still(tmp_path):
    warehouse = DuckDBWarehouse(tmp_path / "it's a home" / "warehouse.duckdb")
    with warehouse.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS a FROM range(200000)")
        connection.execute("DELETE FROM t WHERE a > 10")
    compact(warehouse)
    assert warehouse.query("SELECT count(*) AS n FROM t")["n"].tolist() == [11]


@pytest.mark.parametrize("path", ["https://example.org/x.parquet", "s3://bucket/*.parquet", "HTTP:/x", "hf://d/x.csv"])
def test_an_archive_is_local(path):
    with pytest.raises(ValueError, match="files of this machine"):
        ArchiveSettings(path=path)


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [("/a/b.parquet", "/a"), ("/a/*.csv", "/a"), ("/a/year=*/b.csv", "/a"), ("/[ab]/c.csv", "/")],
)
def test_what_a_pattern_reaches(pattern, folder):
    assert str(folder_of(pattern)) == folder
