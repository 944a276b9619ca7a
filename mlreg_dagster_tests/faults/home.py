"""All that is kept in a home, with something in each, and what must not change when a fault strikes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster_tests.storage.warehouse.sample_table import FIRST, READINGS, rows

NOW = pd.Timestamp("2026-01-02T00:30", tz="UTC")
HOURS = [FIRST + number * HOUR for number in range(100)]


def noisy(hours: list[pd.Timestamp], names: int) -> pd.DataFrame:
    """Rows that can't be compressed."""
    frame = rows(hours, names)
    chance = np.random.default_rng(0)
    return frame.assign(price=chance.uniform(1, 2, len(frame)), cap=chance.uniform(1, 2, len(frame)))


class Home:
    """A warehouse, an artifact store, a landing zone and a registry in a folder."""

    def __init__(self, folder: Path) -> None:
        self.warehouse = DuckDBWarehouse(folder / "warehouse.duckdb", lock_timeout_s=5)
        self.artifacts = open_artifacts(str(folder / "artifacts"))
        self.landing = LandingZone(folder / "raw")
        self.registry_path = folder / "registry.sqlite"
        self.registry = Registry(f"sqlite:///{self.registry_path}")

    def fill(self) -> None:
        """Something in each of them."""
        self.warehouse.write(READINGS, rows(HOURS[:5]), HOURS[:5])
        self.artifacts.freeze("models", "v1", {"model.bin": b"one", "manifest.json": b"{}"})
        self.land(b"first")
        self.register("v1")

    def land(self, body: bytes) -> None:
        self.landing.land("coingecko", "coins_markets", HOURS[0], body, NOW)

    def register(self, version: str, size: int = 1) -> None:
        self.registry.register(
            version,
            Attribution("ada", NOW),
            detector="isolation_forest",
            dataset_day="2026-01-01",
            dataset_sha256="d" * 64,
            artifact_sha256="a" * 64,
            manifest={"text": "x" * size},
        )

    def seen(self) -> tuple[Any, ...]:
        """Everything in it, to be compared."""
        landed = self.landing.landed("coingecko", "coins_markets", HOURS[0])
        return (
            self.warehouse.read(READINGS).to_csv(),
            {key: self.artifacts.read("models", key) for key in self.artifacts.keys("models")},
            [self.landing.read(path) for path in landed],
            self.registry.versions(),
        )

    def writes(self, size: int = 1) -> dict[str, Callable[[], object]]:
        """One way to write for each of the four; `size` is how many bytes they are of, about."""
        noise, names = os.urandom(size), max(size // 1_500, 1)
        return {
            "warehouse": lambda: self.warehouse.write(READINGS, noisy(HOURS, names), HOURS),
            "artifacts": lambda: self.artifacts.freeze("models", "v2", {"a.bin": b"1", "b.bin": noise}),
            "landing": lambda: self.land(noise),
            "registry": lambda: self.register("v2", size),
        }

    def litter(self) -> list[Path]:
        """Drafts that were left lying about."""
        everything = [Path(path) for path in self.warehouse.path.parent.rglob("*")]
        return [path for path in everything if path.suffix in {".part", ".new", ".draft"} or path.name == ".staging"]
