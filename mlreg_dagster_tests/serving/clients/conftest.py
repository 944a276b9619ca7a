"""Servers for the clients of all protocols, and the rows that they send: the holdout with values unknown."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlreg_dagster import Client
from mlreg_dagster.config.places import artifacts_root
from mlreg_dagster.core.hours import day_key
from mlreg_dagster.datasets import freezing
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.detectors.scoring import anomaly_scores
from mlreg_dagster.storage.artifacts import open_artifacts
from mlreg_dagster_tests.lifecycle import DATASET_DAY
from mlreg_dagster_tests.serving.running import Server, copied, running
from mlreg_dagster_tests.waiting import wait_for


@dataclass(frozen=True)
class Sample:
    """Rows of the holdout, some of whose values are unknown, and what the pipeline makes of them.

    Attributes:
        model: As it is asked for.
        features: In an order that is not that of the model.
        columns: The values of each feature.
        scores: By the pipeline itself, not by its graph.
        tolerance: How far an answer may be from it; 0: it has the same bits.
    """

    model: str
    features: list[str]
    columns: dict[str, NDArray[np.float64]]
    scores: NDArray[np.float64]
    tolerance: float

    def assert_equal(self, scores: Any) -> None:
        """Hold scores against those of the pipeline."""
        np.testing.assert_allclose(scores, self.scores, rtol=self.tolerance, atol=self.tolerance)


@pytest.fixture(scope="session")
def server(live_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _running(live_home, tmp_path_factory.mktemp("clients"), {}) as found:
        yield found


@pytest.fixture(scope="session")
def patient(live_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers from the newest hour however old it is."""
    with _running(live_home, tmp_path_factory.mktemp("patient"), {"refuse_after_hours": 86_400.0}) as found:
        yield found


@contextmanager
def _running(home: Path, folder: Path, settings: Mapping[str, Any]) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLREG_REGISTRY", "MLREG_ARTIFACTS", "DAGSTER_HOME", "MLREG_SERVING_KEYS"):
            patch.delenv(name, raising=False)
        with running(copied(home, folder), settings=settings) as found:
            yield found


@pytest.fixture(scope="session")
def instruments(patient: Server) -> list[str]:
    """Those of the newest hour."""
    rows = Client(patient.home).features()
    return list(rows.loc[rows["hour"] == rows["hour"].max(), "instrument_id"])


@pytest.fixture(scope="session", params=[("champion", 1e-12), ("v3", 0)], ids=["neighbours", "forest"])
def sample(request: pytest.FixtureRequest, server: Server) -> Sample:
    """Of the champion, whose neighbours are summed in another order, and of a forest, that is asked by its version."""
    name, tolerance = request.param
    version = Client(server.home).version(name)
    store = open_artifacts(artifacts_root(server.home))
    model = artifact.load(store, version.version, version.artifact_sha256)
    rows = freezing.load(store, freezing.HOLDOUT, day_key(DATASET_DAY)).rows
    X = rows[model.features].to_numpy(dtype=np.float64, copy=True)
    X[np.random.default_rng(1).random(X.shape) < 0.1] = np.nan
    wait_for(lambda: server.get(f"/v2/models/{name}/ready").status_code == 200)
    columns = {name: np.ascontiguousarray(X[:, number]) for number, name in enumerate(model.features)}
    shuffled = list(np.random.default_rng(2).permutation(model.features))
    return Sample(name, shuffled, columns, anomaly_scores(model.pipeline, X), tolerance)
