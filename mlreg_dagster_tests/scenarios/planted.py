"""Versions with a planted fault: registered with the champion's evaluation, so that gates have found nothing."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.manifests import recorded_settings, settings_in
from mlreg_dagster.registry import Attribution, Registry
from mlreg_dagster.storage.artifacts import open_artifacts

BUNDLES: dict[str, Mapping[str, Any]] = {
    "flags everything": {"policy": "frozen", "threshold": -1e9},
    "flags nothing": {"policy": "frozen", "threshold": 1e9},
}
"""Faults that are in the bundle itself; those of the server's process are in PLANT."""

PLANT = """
import json, os, random, time
from mlreg_dagster.serving.scoring import model

_FAULTS, _score, _random = json.loads(os.environ["MLREG_TEST_FAULTS"]), model.ServedModel.score, random.Random(7)

def score(self, X):
    fault = _FAULTS.get(self.version)
    if fault == "slow":
        time.sleep(0.15)
    if fault == "errors" and _random.random() < 0.02:
        raise RuntimeError("planted")
    if fault == "not finite" and _random.random() < 0.2:
        raise model.NoFiniteScore("planted")
    return _score(self, X)

model.ServedModel.score = score
"""
"""The module `sitecustomize` of a server: what goes wrong when a version scores."""


def plant(home: Path, version: str, at: pd.Timestamp, fault: str | None = None) -> str:
    """Register the champion's model once more, with a fault or without."""
    registry, store = Registry(f"sqlite:///{home / 'registry.sqlite'}"), open_artifacts(str(home / "artifacts"))
    champion = registry.version(registry.holder("champion").version)
    evaluation = registry.latest_evaluation(champion.version)
    model = artifact.load(store, champion.version, champion.artifact_sha256)
    manifest = dict(model.manifest) | {"version": version}
    if fault in BUNDLES:
        changed = settings_in(manifest)
        flagging = changed.flagging.model_copy(update={"policy": BUNDLES[fault]["policy"]})
        manifest["settings"] = recorded_settings(changed.model_copy(update={"flagging": flagging}))
        manifest["threshold"] = BUNDLES[fault]["threshold"]
    saved = artifact.save(store, version, replace(model, manifest=manifest))
    by = Attribution("ann", at, "another training")
    registry.register(
        version, by, detector=champion.detector, dataset_day=champion.dataset_day,
        dataset_sha256=champion.dataset_sha256, artifact_sha256=saved.sha256, manifest=manifest,
    )  # fmt: skip
    names = ("holdout_sha256", "gates", "metrics", "thresholds", "holdout_day", "code_sha256")
    kept = {name: getattr(evaluation, name) for name in names}
    registry.record_evaluation(version, by, artifact_sha256=saved.sha256, **kept)
    return version


def environment_with(folder: Path, faults: Mapping[str, str]) -> dict[str, str]:
    """Of a server in which versions fail."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(PLANT)
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": path, "MLREG_TEST_FAULTS": json.dumps(dict(faults))}
