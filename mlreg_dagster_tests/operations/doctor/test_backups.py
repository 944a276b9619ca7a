"""A backup that is behind the home, and parts of a home that are of different ages, are told with a way out."""

import shutil

import pytest

from mlreg_dagster.config.places import own_registry_url, warehouse_file
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.operations.backup.creation import create
from mlreg_dagster.operations.doctor.backups import backups_are_recent
from mlreg_dagster.operations.doctor.materializations import Made
from mlreg_dagster.operations.home import Home
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.storage.mirror import Mirror
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.operations.backup.small_home import add_version, make_home, registry_in
from mlreg_dagster_tests.registry.builders import raise_alert
from mlreg_dagster_tests.storage.warehouse.sample_table import FIRST


@pytest.fixture
def home(own_home):
    folder = make_home(own_home)
    _add_snapshots(folder, 0)
    return folder


def _add_snapshots(folder, *hours):
    with DuckDBWarehouse(warehouse_file(folder)).connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS market_snapshot (hour TIMESTAMPTZ)")
        for hour in hours:
            connection.execute("INSERT INTO market_snapshot VALUES ($hour)", {"hour": FIRST + hour * HOUR})


def _predict(folder, version):
    sha256 = {each.version: each.artifact_sha256 for each in registry_in(folder).versions()}[version]
    with DuckDBWarehouse(warehouse_file(folder)).connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS predictions (model_version VARCHAR, artifact_sha256 VARCHAR)")
        connection.execute("INSERT INTO predictions VALUES ($v, $s), ('ranking:x', 'y')", {"v": version, "s": sha256})


def findings(folder, made=None):
    url = own_registry_url(folder)
    parts = DuckDBWarehouse(warehouse_file(folder)), open_artifacts(str(folder / "artifacts")), Registry(url)
    home = Home(folder, *parts, url, LandingZone(folder / "raw"), Mirror(str(folder / "latest")))
    return {finding.name: finding for finding in backups_are_recent(home, made)}


def test_a_home_without_a_backup_is_told_how_to_make_one(home):
    found = findings(home)["backup"]
    assert (found.state, "mlreg backup create" in found.advice) == ("waiting", True)


def test_a_backup_is_compared_with_what_came_after_it(home, tmp_path):
    create(home, tmp_path / "backups")
    assert findings(home)["backup"].seen.endswith("holds all versions, hours and records.")
    raise_alert(registry_in(home))
    _add_snapshots(home, 1)
    found = findings(home)["backup"]
    assert (found.state, "it lacks 1 hours of the tables; 2 records" in found.seen) == ("ok", True), found.seen
    add_version(home, 2)
    found = findings(home)["backup"]
    assert (found.state, "lacks versions v2 and their artifacts" in found.seen) == ("warning", True)
    assert "mlreg backup create" in found.advice
    create(home, tmp_path / "backups")
    assert findings(home)["backup"].state == "ok"


def test_a_backup_that_lacks_more_than_a_day_of_the_tables_is_told(home, tmp_path):
    create(home, tmp_path / "backups")
    _add_snapshots(home, *range(1, 26))
    found = findings(home)["backup"]
    assert (found.state, "it lacks 25 hours of the tables" in found.seen) == ("warning", True)


def test_a_backup_that_is_gone_is_told(home, tmp_path):
    create(home, tmp_path / "backups")
    shutil.rmtree(tmp_path / "backups")
    found = findings(home)["backup"]
    assert (found.state, "is not there, or its disk is not mounted" in found.seen) == ("warning", True)


def test_a_registry_that_is_older_than_the_tables_is_found_with_a_way_out(home, tmp_path):
    _predict(home, "v1")
    backup, _ = create(home, tmp_path / "backups")
    assert findings(home)["versions of predictions"].state == "ok"
    add_version(home, 2)
    _predict(home, "v2")
    shutil.copy(backup / "registry.sqlite", home / "registry.sqlite")
    found = findings(home)["versions of predictions"]
    assert (found.state, "Predictions are of v2, which the registry does not know" in found.seen) == ("miss", True)
    assert found.advice.startswith("mlreg backup restore BACKUP --to PATH")
    made = Made(None, None, frozenset({"v1", "v2"}), {}, frozenset(), None)
    assert findings(home, made)["versions of predictions"].advice.startswith("mlreg restore --reason")
