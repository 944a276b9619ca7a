"""A registry that is only read: what a reader can't undo is told with its remedy."""

import signal
import subprocess
import sys

import pytest

from mlreg_dagster.registry import Registry, RegistryUnavailable
from mlreg_dagster.registry.read_only import ReadOnlyRegistry
from mlreg_dagster_tests.registry.test_registry import register

DIES = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")  # so that pages reach the file before the commit
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE half (text TEXT)")
for _ in range(2000):
    connection.execute("INSERT INTO half VALUES (?)", ("x" * 1000,))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_what_a_dead_writer_left_is_told_and_undone_by_a_writer(tmp_path):
    file = tmp_path / "registry.sqlite"
    registry = Registry(f"sqlite:///{file}")
    register(registry, "v1")
    done = subprocess.run([sys.executable, "-c", DIES, file], check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(RegistryUnavailable, match=r"A process died while it wrote.*`mlreg policy show`"):
        ReadOnlyRegistry(f"sqlite:///{file}").versions()
    assert [each.version for each in Registry(f"sqlite:///{file}").versions()] == ["v1"]
    assert [each.version for each in ReadOnlyRegistry(f"sqlite:///{file}").versions()] == ["v1"]
