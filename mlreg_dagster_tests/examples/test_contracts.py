"""Every example keeps the contract of its kind."""

import json
import sys
from typing import ClassVar

import pandas as pd
import pytest

from mlreg_dagster.core.hours import as_hour, hour_range
from mlreg_dagster.extensions import isolated, load_extensions
from mlreg_dagster.testing import (
    DetectorContract,
    FeatureContract,
    GateContract,
    NotifierContract,
    SourceContract,
)
from mlreg_dagster_tests.examples.markets import write_tables


class TestOneClassSvm(DetectorContract):
    detector = "one_class_svm"


class TestDistanceFromCentre(DetectorContract):
    detector = "distance_from_centre"
    params: ClassVar = {"power": 2.0}


class TestPyod(DetectorContract):
    detector = "hbos"

    @pytest.fixture(autouse=True)
    def _pyod(self):
        pytest.importorskip("pyod", reason="PyOD is no dependency of the project")
        with isolated():
            load_extensions(["own_pyod_detector"])
            yield


class TestRange(FeatureContract):
    feature = "range_24h_pct"


class TestSpread(GateContract):
    gate = "flags_spread_over_instruments"


class TestWideCsv(SourceContract):
    now = pd.Timestamp("2026-01-20T10:20", tz="UTC")
    hours = hour_range(as_hour("2026-01-18T20:00"), as_hour("2026-01-20T09:00"))

    @pytest.fixture(autouse=True)
    def _tables(self, tmp_path):
        self.params = write_tables(tmp_path, hour_range(as_hour("2026-01-05"), as_hour("2026-01-20T09:00")), 5)

    def make_source(self):
        return sys.modules["own_source"].WideCsv(universe=4, **self.params)

    def disturb_after(self, hour):
        for path in self.params.values():
            table = pd.read_csv(path, index_col=0)
            later = pd.to_datetime(table.index, utc=True) > hour
            table[later] *= 7
            table.to_csv(path)


class TestJsonLines(NotifierContract):
    @pytest.fixture(autouse=True)
    def _path(self, tmp_path):
        self.path = tmp_path / "notices.jsonl"

    def make_notifier(self):
        return sys.modules["own_notifier"].JsonLines(path=str(self.path))

    def delivered(self):
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def break_receiver(self):
        self.path.mkdir()
