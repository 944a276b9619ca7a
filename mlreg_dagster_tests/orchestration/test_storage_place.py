"""Where Dagster's own storage is: what the doctor says of it, and what a new home gets."""

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef

from mlreg_dagster.config import ConfigError
from mlreg_dagster.config.new_project import make_project
from mlreg_dagster.orchestration.dagster_internals.dagster_database import database_url
from mlreg_dagster.orchestration.instance import storage_place as module
from mlreg_dagster.orchestration.instance.storage_place import storage_place
from mlreg_dagster.storage.homes import DAGSTER_POSTGRES_YAML, DAGSTER_YAML, prepare_home

URL = "postgresql://anna:hunter22@db/dagster"
STOCK = "storage: {postgres: {postgres_url: {env: MLREG_DAGSTER}}}"


@pytest.fixture
def home(own_home, monkeypatch):
    monkeypatch.setenv("MLREG_DAGSTER", URL)
    monkeypatch.delenv("MLREG_TABLES", raising=False)
    return own_home


def _seen(home):
    findings = storage_place(home / "dagster", home)
    assert "hunter22" not in str(findings)
    return [(finding.state, finding.seen + finding.advice) for finding in findings]


def test_a_new_home_gets_the_file_that_the_variable_asks_for(home, monkeypatch):
    prepare_home()
    assert (home / "dagster" / "dagster.yaml").read_text() == DAGSTER_POSTGRES_YAML
    assert "hunter22" not in DAGSTER_POSTGRES_YAML
    assert database_url(home / "dagster") == URL
    assert _seen(home) == [("ok", "Runs and events are in postgresql://db/dagster.")]
    monkeypatch.delenv("MLREG_DAGSTER")
    [(state, seen)] = _seen(home)
    assert state == "miss"
    assert "MLREG_DAGSTER for Dagster's database, and it is not set" in seen


def test_so_does_a_new_project(home, tmp_path, monkeypatch):
    assert (make_project(tmp_path / "shared") / "dagster.yaml").read_text() == DAGSTER_POSTGRES_YAML
    monkeypatch.delenv("MLREG_DAGSTER")
    assert (make_project(tmp_path / "single") / "dagster.yaml").read_text() == DAGSTER_YAML
    monkeypatch.setenv("MLREG_DAGSTER", "/somewhere/dagster.db")
    with pytest.raises(ConfigError, match="MLREG_DAGSTER names no database in PostgreSQL"):
        prepare_home(home)


def test_dagster_takes_the_file(home):
    """Its own loader, which refuses an unknown key or a value of another kind."""
    pytest.importorskip("dagster_postgres")
    prepare_home()
    ref = InstanceRef.from_dir(str(home / "dagster"))
    assert ref.settings["run_retries"] == {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False}
    assert ref.settings["run_monitoring"]["start_timeout_seconds"] == 300
    assert ref.settings["concurrency"]["runs"]["max_concurrent_runs"] == 4
    assert ref.custom_instance_class is DagsterInstance or ref.custom_instance_class is None
    assert ref.storage_data.class_name == "BatchedPostgresStorage"
    assert URL not in str(ref.to_dict())


def test_a_scheme_that_dagster_takes_the_wrong_driver_for_is_told(home):
    prepare_home()
    (home / "dagster" / "dagster.yaml").write_text(STOCK)
    [(state, seen)] = _seen(home)
    assert state == "miss"
    assert "no run starts" in seen
    assert "postgresql+psycopg2://" in seen
    (home / "dagster" / "dagster.yaml").write_text(STOCK.replace("{env: MLREG_DAGSTER}", "postgresql+psycopg2://db/x"))
    assert _seen(home) == [("ok", "Runs and events are in postgresql+psycopg2://db/x.")]


def test_the_parts_of_an_address_are_read_as_dagster_reads_them(home):
    prepare_home()
    parts = {"username": "anna", "password": {"env": "MLREG_DAGSTER"}, "hostname": "db", "db_name": "dagster"}
    (home / "dagster" / "dagster.yaml").write_text(yaml.safe_dump({"storage": {"postgres": {"postgres_db": parts}}}))
    assert database_url(home / "dagster").startswith("postgresql://anna:postgresql%3A")
    assert _seen(home)[0][0] == "miss"  # the same scheme
    (home / "dagster" / "dagster.yaml").write_text("storage: {postgres: {postgres_db: [1]}}")
    assert "names Dagster's database in a way that can't be read" in _seen(home)[0][1]


def test_a_package_that_is_missing_is_told(home, monkeypatch):
    prepare_home()
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    [(state, seen)] = _seen(home)
    assert state == "miss"
    assert "mlreg-dagster[hosts]" in seen


def test_files_of_one_host_are_told_where_hosts_share_the_rest(home, monkeypatch):
    monkeypatch.delenv("MLREG_DAGSTER")
    assert _seen(home) == []  # before the first run
    prepare_home()
    assert _seen(home) == []
    monkeypatch.setenv("MLREG_TABLES", "ducklake:postgresql://db/lake#s3://bucket/tables")
    [(state, seen)] = _seen(home)
    assert state == "warning"
    assert "MLREG_TABLES names a lake that hosts share" in seen
    monkeypatch.delenv("MLREG_TABLES")
    monkeypatch.setenv("MLREG_DAGSTER", URL)
    [(state, seen)] = _seen(home)
    assert state == "warning"
    assert "is the one that counts" in seen
