"""A copy of a home is whole, and keeps everything itself."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mlreg_dagster.config.places import own_registry_url, warehouse_file
from mlreg_dagster.operations.home_copy import NotCopied, copy_home
from mlreg_dagster.registry import Registry, RegistryUnavailable
from mlreg_dagster.registry.database import sqlite
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.parquet_mirror.reader import MirrorReader
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.guarded_file import WarehouseBusy
from mlreg_dagster.storage.warehouse.reader import WarehouseReader
from mlreg_dagster_tests.registry.builders import register
from mlreg_dagster_tests.storage.warehouse.sample_table import DAY, READINGS, rows


@pytest.fixture
def home(own_home: Path) -> Path:
    """A home with something of each kind."""
    own_home.mkdir()
    register(Registry(own_registry_url(own_home)), "v1")
    open_artifacts(str(own_home / "artifacts")).freeze("models", "v1", {"manifest.json": b"{}"})
    DuckDBWarehouse(warehouse_file(own_home)).write(READINGS, rows(DAY[:2]), DAY[:2])
    for name in ("latest", "served", "dagster"):
        (own_home / name).mkdir()
        (own_home / name / "file").write_text(name)
    return own_home


def test_a_copy_holds_what_is_tried_and_leaves_out_logs_and_runs(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy_home(home, copy)
    assert [each.version for each in Registry(own_registry_url(copy)).versions()] == ["v1"]
    assert open_artifacts(str(copy / "artifacts")).read("models", "v1") == {"manifest.json": b"{}"}
    assert len(DuckDBWarehouse(warehouse_file(copy)).read(READINGS)) == 6
    with MirrorReader(copy).tables() as tables:
        assert tables.rows("SELECT count(*) FROM readings") == [(6,)]
    assert (copy / "latest" / "file").read_text() == "latest"
    assert not (copy / "served").exists()
    assert not (copy / "dagster").exists()


def test_copy_and_home_go_on_apart_from_one_mirror(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy_home(home, copy)
    DuckDBWarehouse(warehouse_file(copy)).write(READINGS, rows(DAY[:1], names=1, price=9.0), DAY[:1])
    for folder, prices in ((home, [(1.0, 6)]), (copy, [(1.0, 3), (9.0, 1)])):
        with MirrorReader(folder).tables() as tables:
            assert tables.rows("SELECT price, count(*) FROM readings GROUP BY 1 ORDER BY 1") == prices


def test_what_a_writer_has_not_finished_is_not_in_the_copy_and_its_registry_is_whole(
    home: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(home / "registry.sqlite", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("CREATE TABLE half (done INTEGER)")
        copy_home(home, tmp_path / "copy")
        writer.execute("ROLLBACK")
    with closing(sqlite3.connect(tmp_path / "copy" / "registry.sqlite")) as copied:
        assert copied.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    assert Registry(own_registry_url(tmp_path / "copy")).find_tampering() is None


def test_a_registry_that_is_being_written_is_waited_for_and_never_copied_half(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "WAIT_S", 0.1)
    with closing(sqlite3.connect(home / "registry.sqlite", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RegistryUnavailable, match=r"registry.sqlite can't be used: .*locked"):
            copy_home(home, tmp_path / "copy")
        writer.execute("ROLLBACK")


def test_tables_are_not_copied_while_they_are_written(home: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(
        "mlreg_dagster.operations.kept_tables.WarehouseReader", lambda path: WarehouseReader(path, lock_timeout_s=0.1)
    )
    with DuckDBWarehouse(warehouse_file(home)).connect(), pytest.raises(WarehouseBusy):
        copy_home(home, tmp_path / "copy")


def test_bundles_that_lie_elsewhere_are_copied_into_it(home: Path, tmp_path: Path, monkeypatch) -> None:
    (home / "artifacts").rename(tmp_path / "elsewhere")
    monkeypatch.setenv("MLREG_ARTIFACTS", str(tmp_path / "elsewhere"))
    copy_home(home, tmp_path / "copy")
    assert (tmp_path / "copy" / "artifacts" / "models" / "v1" / "manifest.json").is_file()


def test_bundles_of_an_object_store_are_copied_into_it(home: Path, tmp_path: Path, monkeypatch) -> None:
    url = f"memory://{tmp_path.name}/artifacts"
    open_artifacts(url).freeze("models", "v1", {"manifest.json": b"{}"})
    monkeypatch.setenv("MLREG_ARTIFACTS", url)
    copy_home(home, tmp_path / "copy")
    assert open_artifacts(str(tmp_path / "copy" / "artifacts")).read("models", "v1") == {"manifest.json": b"{}"}


def test_a_registry_of_a_server_is_copied_into_a_file(home: Path, tmp_path: Path, monkeypatch, postgres_url) -> None:
    register(Registry(postgres_url), "v1")
    register(Registry(postgres_url), "v2")
    monkeypatch.setenv("MLREG_REGISTRY", postgres_url)
    copy_home(home, tmp_path / "copy")
    copied = Registry(own_registry_url(tmp_path / "copy"))
    assert copied.audit_log() == Registry(postgres_url).audit_log()
    assert copied.find_tampering() is None


def test_a_home_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotCopied, match="There is no registry in"):
        copy_home(tmp_path / "nowhere", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
