"""The home that is served, and requests of its rows as each protocol takes them."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlreg_dagster.config import DatasetSettings, IngestSettings
from mlreg_dagster.config.places import own_registry_url
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.sources import make_source
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster.storage.landing import LandingZone
from mlreg_dagster.testing.world import DAY_ENDS
from mlreg_dagster_tests.models.builders import build_world
from mlreg_dagster_tests.registry.builders import evaluate, move, register

_OPENS = as_hour("2019-12-20")


def make_home(folder: Path, versions: Sequence[str] = ("v1",)) -> np.ndarray:
    """A home whose champion is a forest of 200 trees; gives rows of the holdout.

    Args:
        folder: Where; the home is `home` in it.
        versions: The champion, and others like it.
    """
    ingest = IngestSettings(start=_OPENS, universe=100, simulated={"opens": _OPENS})
    source = make_source(ingest, LandingZone(folder / "raw"))
    world = build_world(
        folder / "datasets", source.snapshots(hour_range(_OPENS, DAY_ENDS - HOUR), DAY_ENDS), DatasetSettings()
    )
    home = folder / "home"
    registry = Registry(own_registry_url(home))
    for seed, version in enumerate(versions):
        model = world.train(
            version=version, params={"n_estimators": 200, "max_samples": 1.0}, contamination=0.08, seed=42 + seed
        )
        saved = artifact.save(open_artifacts(str(home / "artifacts")), version, model)
        register(registry, version, artifact_sha256=saved.sha256)
        evaluate(registry, version, artifact_sha256=saved.sha256)
    move(registry, versions[0], None)
    return world.holdout.rows[model.features].to_numpy(dtype=np.float64)


def open_inference(X: np.ndarray, names: Sequence[str]) -> bytes:
    """A tensor a feature, in JSON."""
    values = [[None if np.isnan(value) else value for value in column] for column in X.T.tolist()]
    return json.dumps(
        {
            "inputs": [
                {"name": name, "shape": [len(X)], "datatype": "FP64", "data": data}
                for name, data in zip(names, values, strict=True)
            ]
        }
    ).encode()


def in_binary(X: np.ndarray, names: Sequence[str]) -> tuple[bytes, int]:
    """The same by the binary tensor extension, and the length of its JSON."""
    head = json.dumps(
        {
            "inputs": [
                {"name": name, "shape": [len(X)], "datatype": "FP64", "parameters": {"binary_data_size": 8 * len(X)}}
                for name in names
            ]
        }
    ).encode()
    return head + b"".join(np.ascontiguousarray(column).tobytes() for column in X.T), len(head)


def dataframe_split(X: np.ndarray, names: Sequence[str]) -> bytes:
    """As MLflow takes rows."""
    rows = [[None if np.isnan(value) else value for value in row] for row in X.tolist()]
    return json.dumps({"dataframe_split": {"columns": list(names), "data": rows}}).encode()
