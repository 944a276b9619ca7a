"""A version trained again from its manifest: does it score as the frozen one does?"""

from dataclasses import dataclass

import numpy as np

from mlreg_dagster.datasets import freezing
from mlreg_dagster.models import training
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import library_versions
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.storage.artifacts import ArtifactStore


@dataclass(frozen=True)
class Reproduction:
    """The result of training a version again.

    Attributes:
        version: Which one.
        rows: Rows of its training dataset that were scored by both.
        largest_difference: Between two scores of the same row.
        thresholds: Of the frozen model and of the new one.
        libraries: Those whose version has changed since, as `name: then → now`.
    """

    version: str
    rows: int
    largest_difference: float
    thresholds: tuple[float, float]
    libraries: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        """Whether both give every row the same score, to the last bit."""
        return self.largest_difference == 0.0 and self.thresholds[0] == self.thresholds[1]


def reproduce(version: ModelVersion, store: ArtifactStore) -> Reproduction:
    """Train a version again, from its manifest and its frozen dataset; nothing is stored.

    Raises:
        ArtifactMissing, ArtifactTampered, UntrustedModel: The model or its dataset can't be used.
    """
    frozen = artifact.load(store, version.version, version.artifact_sha256)
    dataset = freezing.load(store, freezing.TRAINING, version.dataset_day, version.dataset_sha256)
    again = training.retrain(dict(frozen.manifest), dataset)
    rows = frozen.select(dataset.rows)
    apart = np.abs(frozen.score(rows) - again.score(rows))
    then, now = frozen.manifest["libraries"], library_versions()
    return Reproduction(
        version=version.version,
        rows=len(rows),
        largest_difference=float(apart.max()),
        thresholds=(frozen.threshold, again.threshold),
        libraries=tuple(f"{name}: {then.get(name)} → {now[name]}" for name in now if then.get(name) != now[name]),
    )
