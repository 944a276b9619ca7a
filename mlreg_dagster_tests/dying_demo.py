"""The demo, shrunk to six days, in a process that can be told where to die."""

import os
import signal

import pytest

from mlreg_dagster.cli import demo
from mlreg_dagster.core.display import plotting
from mlreg_dagster.storage.artifacts.local_store import LocalArtifactStore
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse

DEATHS = {
    "market": (DuckDBWarehouse, "write", lambda table, *_: table.name == "market_features"),
    "train": (LocalArtifactStore, "freeze", lambda kind, *_: kind == "models"),
    "predict": (DuckDBWarehouse, "write", lambda table, *_: table.name == "predictions"),
}
"""After which call the process is killed: its data are written, and nothing that comes after is."""


def shrink(monkeypatch):
    """Six days; datasets of the fourth, predictions on the fifth, outcomes on the sixth."""
    monkeypatch.setattr(demo, "DAYS", 6)
    monkeypatch.setattr(demo, "DATASET_DAY", 3)
    monkeypatch.setattr(demo, "TAKEOVER_DAYS", 0.5)


def die_after(owner, name, matches):
    """Kill this process, as by power loss, after the first matching call."""
    call = getattr(owner, name)

    def call_and_die(self, *args, **kwargs):
        result = call(self, *args, **kwargs)
        if matches(*args):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, call_and_die)


def shrink_and_die(death):
    """What is done to a process before it runs `mlreg demo`; `death` is one of DEATHS, or None. It draws no picture."""
    patch = pytest.MonkeyPatch()
    shrink(patch)
    patch.setattr(plotting, "_data_uri", lambda _figure: plotting._DATA_URI)
    if death:
        die_after(*DEATHS[death])
