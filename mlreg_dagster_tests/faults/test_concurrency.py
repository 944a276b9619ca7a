"""A small crowd, so that benchmarks/concurrency.py and what it measures can't rot."""

import os

import pytest

from mlreg_dagster_tests.faults.processes import run_crowd

pytestmark = pytest.mark.slow

HOURS = int(os.environ.get("MLREG_CROWD", "0"))
"""It takes half a minute or more: MLREG_CROWD=6 for a glance, 300 for a thorough look."""


@pytest.mark.skipif(HOURS == 0, reason="MLREG_CROWD says how many hours")
def test_runs_at_once_fail_at_nothing_and_lose_and_double_no_row(deployment_folder):
    crowd = run_crowd(deployment_folder, HOURS, processes=2, hours_a_run=HOURS // 2, instruments=6)
    assert {status for _, status in crowd.runs} == {"SUCCESS"}
    assert crowd.differing == []
    assert all(found == expected > 0 for found, expected in crowd.rows.values())
    assert crowd.readings.errors == []
    assert crowd.readings.doubled == 0
    assert len(crowd.readings.seconds) > 10
    assert crowd.most_at_once <= 2
