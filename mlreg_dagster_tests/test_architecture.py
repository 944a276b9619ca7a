import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from mlreg_dagster_tests.repository import PROJECT_DIR

ROOMS_SIDE = {"assets", "checks"}
WHAT_RUNS_THEM = {"jobs", "definitions", "automation", "orchestration", "runner", "replay", "cli"}
"""Names of the modules and packages that may know Dagster; every other one is plain, those to come as well."""


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph(
        "mlreg_dagster", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


def test_plain_modules_reach_dagster_by_no_path(graph):
    modules = {name for name in graph.modules if name.startswith("mlreg_dagster.")}  # the package imports lazily
    plain = {name for name in modules if not (ROOMS_SIDE | WHAT_RUNS_THEM) & set(name.split("."))}
    reached = {name: graph.find_shortest_chain(name, "dagster") for name in plain}
    assert {name: chain for name, chain in reached.items() if chain} == {}
    assert len(plain) > 40
    assert all(graph.find_shortest_chain(name, "dagster") for name in modules if name.endswith((".assets", ".checks")))


def test_the_contracts_of_the_imports_hold():
    lint = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    answer = subprocess.run(lint, cwd=PROJECT_DIR, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
    assert "Only assets, checks, jobs and what runs them know Dagster KEPT" in answer.stdout
