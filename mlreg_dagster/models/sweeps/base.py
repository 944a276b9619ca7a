"""Holds a configuration of a sweep against its base as it is evaluated: same rows, same planted anomalies, paired."""

from dataclasses import asdict
from typing import Any

from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.evaluation.comparison import chance_of, compare
from mlreg_dagster.models.evaluation.rounds import PlantedRound
from mlreg_dagster.models.evaluation.statistics import Chance
from mlreg_dagster.models.manifests import SWEEP
from mlreg_dagster.models.sweeps.table import VERSUS_BASE
from mlreg_dagster.registry import ModelVersion, Registry
from mlreg_dagster.storage.artifacts import ArtifactStore


def against_base(
    model: Model,
    registry: Registry,
    store: ArtifactStore,
    holdout: Dataset,
    rounds: list[PlantedRound],
    settings: ComparisonSettings,
    chance: Chance | None,
) -> dict[str, Any]:
    """What an evaluation keeps of the comparison with the base; nothing of the base, and where it is not trained.

    Args:
        model: The candidate.
        registry: Holds the base.
        store: Holds its artifact.
        holdout: The rows.
        rounds: The anomalies planted into them.
        settings: When two are told apart.
        chance: What chance in training does to the candidate.
    """
    sweep = model.manifest.get(SWEEP)
    if sweep is None or not sweep["number"]:
        return {}
    base = _base_of(sweep["name"], registry)
    if base is None:  # a backfill took another order; mlreg sweep evaluates again what was not compared
        return {}
    try:
        other = artifact.load(store, base.version, base.artifact_sha256)
        of_base = chance_of(other, registry, store, rounds, settings).chance
        found = asdict(compare(model, other, holdout, rounds, settings, (chance, of_base)))
    except MlregError as error:  # a damaged file: the record names the reason
        return {VERSUS_BASE: {"not_comparable": str(error)}}
    return {VERSUS_BASE: {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}}


def _base_of(name: str, registry: Registry) -> ModelVersion | None:
    for version in registry.versions():
        sweep = version.manifest.get(SWEEP) or {}
        if sweep.get("name") == name and sweep.get("number") == 0:
            return version
    return None
