"""The doctor names what a clock that was ahead has recorded, and how to set it right."""

import pandas as pd

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.operations.doctor.registry_records import _nothing_is_recorded_ahead
from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.registry.builders import NOW, evaluate, move, register, roll_out, suspend


def test_an_open_rollout_is_named_with_the_command_that_ends_it(tmp_path):
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    for version in ("v1", "v2"):
        register(registry, version)
        evaluate(registry, version)
    move(registry, "v1", None)
    roll_out(registry, "v2", time=NOW + 48 * HOUR)
    found = str(_nothing_is_recorded_ahead(registry, pd.Timestamp(NOW)))
    assert "change 1 of the traffic of champion" in found
    assert 'mlreg rollout abort --alias champion --reason "the clock was ahead"' in found


def test_a_suspension_is_named_with_the_command_that_ends_it(tmp_path):
    registry = Registry(f"sqlite:///{tmp_path}/registry.db")
    register(registry, "v1")
    evaluate(registry, "v1")
    move(registry, "v1", None)
    suspend(registry, time=NOW + 48 * HOUR)
    found = str(_nothing_is_recorded_ahead(registry, pd.Timestamp(NOW)))
    assert "suspension 1 of champion" in found
    assert 'mlreg resume champion --reason "the clock was ahead"' in found
