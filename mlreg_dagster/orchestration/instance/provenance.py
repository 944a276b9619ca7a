"""Which frozen bytes a run of this graph made, by what Dagster and the registry recorded of them."""

import dagster as dg

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.registry import Registry

SHA256 = "sha256"
"""Metadata in which the materialization of a frozen dataset names its hash."""


class NotOurs(MlregError):
    """A frozen dataset that no record names: it may have been put there by anyone who can write to the folder."""


def is_recorded(instance: dg.DagsterInstance, registry: Registry, asset: str, key: str, sha256: str) -> bool:
    """Whether a materialization of this partition, or a version or evaluation of the registry, names the hash.

    A version that came from a branch names the holdout that came with it.
    """
    records = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[key])
    for record in instance.fetch_materializations(records, limit=100).records:
        made = record.asset_materialization
        if made is not None and SHA256 in made.metadata and made.metadata[SHA256].value == sha256:
            return True
    return any(
        version.dataset_sha256 == sha256
        or sha256 in (version.origin or {}).get("datasets", {}).values()
        or any(each.holdout_sha256 == sha256 for each in registry.evaluations(version.version))
        for version in registry.versions()
    )


def require_recorded(instance: dg.DagsterInstance, registry: Registry, asset: str, key: str, sha256: str) -> None:
    """Refuse a dataset that no run is known to have frozen.

    Raises:
        NotOurs: Neither Dagster nor the registry names its hash.
    """
    if not is_recorded(instance, registry, asset, key, sha256):
        raise NotOurs(
            f"No run is known to have frozen {asset} {key} ({sha256[:12]}), so nothing is built on it. Materialize "
            f"{asset} for {key}: it compares what lies there with the tables and records it when both agree."
        )
