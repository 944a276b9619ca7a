"""Processes that take the next version at the same moment get different ones."""

import pytest

from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.registry.racing import race, take_next

pytestmark = pytest.mark.slow

PROCESSES = 4


def test_no_two_processes_take_the_same_version(registry_url, tmp_path):
    (tmp_path / "partitions").mkdir()
    Registry(registry_url).versions()
    ended = race(take_next, [(registry_url, str(tmp_path), process) for process in range(PROCESSES)])
    assert {outcome for _, outcome, _ in ended} == {"done"}, ended
    taken = {each.name: each.read_text().split() for each in (tmp_path / "partitions").iterdir()}
    assert sorted(taken) == sorted(f"v{number}" for number in range(1, 2 * PROCESSES + 1))
    assert all(len(processes) == 1 for processes in taken.values()), taken
