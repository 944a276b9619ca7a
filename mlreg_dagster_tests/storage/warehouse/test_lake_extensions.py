"""Extensions of DuckDB come from the packages that are installed, fit its version, and touch no network."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version

import duckdb
import pytest

from mlreg_dagster.storage.warehouse.duckdb_access import connect_attaching
from mlreg_dagster.storage.warehouse.lake import extensions
from mlreg_dagster.storage.warehouse.lake.extensions import ExtensionMissing, load
from mlreg_dagster_tests.repository import PROJECT_DIR
from mlreg_dagster_tests.storage.warehouse.lakes import lake_url

ALL = ("postgres_scanner", "ducklake", "httpfs")
_WRITE = """
import sys
from mlreg_dagster.storage.warehouse.opening import warehouse_of
from mlreg_dagster_tests.storage.warehouse.sample_table import DAY, READINGS, rows
lake = warehouse_of(sys.argv[1])
lake.write(READINGS, rows(DAY), DAY)
print(len(lake.read(READINGS)), open("/proc/net/route").read().count("\\n") <= 1)
"""


@pytest.mark.parametrize("name", ALL)
def test_duckdb_and_its_extensions_are_installed_at_one_version(name):
    assert version(f"duckdb_extension_{name}") == duckdb.__version__


def test_an_extension_of_another_version_is_an_error_with_a_remedy(monkeypatch):
    monkeypatch.setattr(duckdb, "__version__", "1.6.0")
    with pytest.raises(ExtensionMissing, match=r"version 1\.6\.0, .* ducklake is of version .*mlreg-dagster\[lake\]"):
        load(duckdb.connect(), ("ducklake",))


def test_a_file_that_duckdb_refuses_is_an_error_with_a_remedy(monkeypatch, tmp_path):
    file = tmp_path / "ducklake.duckdb_extension"
    file.write_bytes(b"\0" * 1024)
    monkeypatch.setattr(extensions, "_file_of", lambda _: file)
    with pytest.raises(ExtensionMissing, match=r"does not load its extension ducklake .*mlreg-dagster\[lake\]"):
        load(duckdb.connect(), ("ducklake",))


def test_an_extension_that_is_not_installed_is_never_fetched(monkeypatch):
    monkeypatch.setattr(extensions.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ExtensionMissing, match=r"duckdb-extension-httpfs is not installed.*mlreg-dagster\[lake\]"):
        connect_attaching(lambda connection: load(connection, ("httpfs",)), "/nowhere/")


@pytest.mark.slow
def test_a_write_needs_no_network(postgres_server, tmp_path):
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a network of its own needs root and unshare")
    if subprocess.run(["unshare", "-n", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network of its own can be made here")
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", _WRITE, lake_url(postgres_server, tmp_path / "tables")],
        check=False,
        capture_output=True,
        text=True,
        cwd=PROJECT_DIR,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "72 True\n"), done.stderr
