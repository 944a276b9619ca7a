"""Models trained on the small world of the contract suites."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mlreg_dagster.config import DatasetSettings, MemberSettings, ModelSettings
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.detectors.names import CRASH_CLASSIFIER, SCORERS
from mlreg_dagster.models.training import train
from mlreg_dagster.testing import world as contracts
from mlreg_dagster.testing.market import random_market
from mlreg_dagster.testing.world import DATASETS, DAY, DAY_ENDS, FEATURES, INJECTION, LOOKBACK
from mlreg_dagster_tests.lifecycle import Lifecycle

__all__ = ["DATASETS", "DAY", "DAY_ENDS", "DETECTORS", "FEATURES", "INJECTION", "LOOKBACK", "World"]

DETECTORS = tuple(name for name in SCORERS if name != CRASH_CLASSIFIER)
"""Those that learn without labels; the one that needs them is tested in `classifier` and by the contract suite."""
_PARAMS: dict[str, dict[str, Any]] = {"isolation_forest": {"n_estimators": 25}}
MEMBERS = (
    MemberSettings(detector="isolation_forest", params={"n_estimators": 25}, whiten=True),
    MemberSettings(detector="nearest_neighbors", whiten=False),
)


@dataclass(frozen=True)
class World(contracts.World):
    """A store with the frozen datasets of DAY, as loaded from it."""

    def train(self, detector: str = "isolation_forest", version: str = "v1", **changes: Any) -> Model:
        return train(version, self.training, DAY_ENDS, settings_of(detector, **changes))


def settings_of(detector: str, **changes: Any) -> ModelSettings:
    """Settings with which a detector trains quickly; one that is new trains with its defaults."""
    quick: dict[str, Any] = {"params": _PARAMS.get(detector, {}), "contamination": 0.1}
    if detector == "ensemble":
        quick["members"] = MEMBERS
    return ModelSettings(**{"detector": detector, **quick, **changes})


def market_of(instruments: int = 10, **options: Any) -> pd.DataFrame:
    """Twelve days of a random market, up to the end of DAY."""
    return random_market(11, length=288, instruments=instruments, **options)


def build_world(folder: Path, market: pd.DataFrame | None = None, settings: DatasetSettings = DATASETS) -> World:
    """Compute, freeze and load the datasets of DAY."""
    made = contracts.build_world(folder, market_of() if market is None else market, settings)
    return World(made.store, made.training, made.holdout)


def with_manifest(model: Model, **changes: Any) -> Model:
    """The same pipelines with other words in the manifest."""
    return replace(model, manifest={**model.manifest, **changes})


def frozen_at(model: Model, threshold: float) -> Model:
    """The same pipelines with a frozen threshold, as manifests from before there were flag policies have it."""
    settings = {name: value for name, value in model.manifest["settings"].items() if name != "flagging"}
    return with_manifest(model, settings=settings, threshold=threshold)


def with_rows(dataset: Dataset, rows: pd.DataFrame) -> Dataset:
    return replace(dataset, rows=rows.reset_index(drop=True))


def bundle_of(world: Lifecycle, version: str) -> dict[str, tuple[bytes, int]]:
    """Every byte of an artifact, and when it was written."""
    folder = world.home / "artifacts" / "models" / version
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
