"""Reads what went into a frozen dataset, without its rows and without pandas; how it is frozen is in `freezing`."""

import json
from typing import Any

from mlreg_dagster.storage.artifacts import ArtifactStore

TRAINING = "training_dataset"
HOLDOUT = "eval_holdout"
LINEAGE = "lineage.json"


def lineage_of(store: ArtifactStore, kind: str, day: str, sha256: str | None = None) -> dict[str, Any]:
    """The lineage of a dataset, verified against its sums and, where given, its hash; its rows are not parsed.

    Args:
        store: Where it is.
        kind: `TRAINING` or `HOLDOUT`.
        day: Of the dataset.
        sha256: The hash that it must have; None: any.

    Raises:
        ArtifactMissing, ArtifactTampered: It is not there, or not what was frozen.
    """
    found: dict[str, Any] = json.loads(store.read(kind, day, sha256, names={LINEAGE})[LINEAGE])
    return found
