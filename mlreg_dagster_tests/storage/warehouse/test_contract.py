"""The contract of a warehouse, on every kind of it."""

from collections.abc import Iterator

import pytest

from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.opening import warehouse_of
from mlreg_dagster.storage.warehouse.sql_warehouse import SqlWarehouse
from mlreg_dagster_tests.object_store import make_bucket, variables
from mlreg_dagster_tests.storage.warehouse.contract import WarehouseContract
from mlreg_dagster_tests.storage.warehouse.lakes import drop_all, lake_url


@pytest.fixture(
    scope="module", params=["file", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("lake-disk", "lake-s3"))]
)
def place(request, tmp_path_factory) -> Iterator[str]:
    """Where the tables are: a kind, or the address of a lake, whose making takes long, for all tests."""
    if request.param == "file":
        yield "file"
        return
    server = request.getfixturevalue("postgres_server")
    if request.param == "lake-disk":
        yield lake_url(server, tmp_path_factory.mktemp("lake") / "tables")
        return
    url = request.getfixturevalue("s3_server")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables(url).items():
            environment.setenv(name, value)
        yield lake_url(server, f"s3://{make_bucket(url)}/tables")


@pytest.fixture
def warehouse(place: str, tmp_path) -> Iterator[SqlWarehouse]:
    """Tables of a kind; there are none yet."""
    if place == "file":
        yield DuckDBWarehouse(tmp_path / "blocks" / "warehouse.duckdb")
        return
    tables = warehouse_of(place)
    yield tables
    drop_all(tables)


class TestContract(WarehouseContract):
    pass
