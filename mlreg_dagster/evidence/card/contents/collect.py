"""Reads the values behind the contents of a card, once; nothing is judged here."""

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.evidence.card.contents.contents import Contents
from mlreg_dagster.evidence.card.contents.coverage import coverage_of
from mlreg_dagster.evidence.card.contents.episodes import episodes_of
from mlreg_dagster.evidence.card.contents.predecessor import predecessor_of
from mlreg_dagster.evidence.card.contents.regimes import regimes_of
from mlreg_dagster.evidence.card.contents.segments import segments_of
from mlreg_dagster.models.artifacts import sbom
from mlreg_dagster.models.artifacts.artifact import MODELS
from mlreg_dagster.registry import ModelVersion, Registry
from mlreg_dagster.storage.artifacts import ArtifactStore
from mlreg_dagster.storage.warehouse.warehouse import Warehouse


def collect_contents(
    version: ModelVersion,
    registry: Registry,
    store: ArtifactStore,
    tables: Warehouse,
    settings: Settings,
    outcomes: pd.DataFrame,
) -> Contents:
    """Read everything.

    Args:
        version: Of which version.
        registry: Where the version before it and the alerts are.
        store: Where models and datasets are.
        tables: Where market, features and outcomes are.
        settings: The configuration of today.
        outcomes: Its rows of PREDICTION_OUTCOMES.
    """
    with tables.session():
        regimes = regimes_of(tables)
        coverage = coverage_of(version, store, tables, settings, regimes)
        segments = segments_of(outcomes, version.version, tables, settings, regimes)
    bill = _bill_of_training(version, store)
    return Contents(
        coverage=coverage,
        segments=segments,
        episodes=episodes_of(outcomes),
        predecessor=predecessor_of(version, registry, store),
        bill=bill or sbom.of_recorded(version.version, version.manifest.get("libraries") or {}),
        bill_is_of_training=bill is not None,
        alerts=registry.open_alerts(),
    )


def _bill_of_training(version: ModelVersion, store: ArtifactStore) -> bytes | None:
    """The bill in the version's own bundle; None: it is of before there were bills, or the bundle can't be used."""
    try:
        return store.read(MODELS, version.version, version.artifact_sha256).get(sbom.SBOM)
    except MlregError:
        return None
