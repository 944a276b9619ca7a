"""Resolves the request for a variant: which version, which change, before anything is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.optimisation.making import VariantOfAVariant, require_whole
from mlreg_dagster.models.optimisation.variants import NotForThisKind, require_admitted
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.artifacts import ArtifactStore


class NotAVariantOrder(MlregError):
    """A request for a variant that asks for something else, too."""


@dataclass(frozen=True)
class VariantOrder:
    """What is to be made.

    Attributes:
        parent: The loaded model that is changed.
        of: Its version.
        change: One of `variants.CHANGES`.
        dataset_day: Of the dataset that it was trained on.
    """

    parent: Model
    of: str
    change: str
    dataset_day: str


def stated_variant(
    registry: Registry, store: ArtifactStore, of: str | None, change: str | None, training: Mapping[str, Any]
) -> VariantOrder | None:
    """The variant that run config asks for; None where it asks for a training.

    Args:
        registry: Where the version is.
        store: Where its bundle is.
        of: The version, or an alias.
        change: What is changed.
        training: What run config says of a training: model, dataset, overrides.

    Raises:
        NotAVariantOrder: One of the two is missing, or a model, a dataset or overrides stand beside them.
        NotForThisKind, UnknownChange, VariantOfAVariant: The change is not possible.
    """
    if of is None and change is None:
        return None
    if of is None or change is None:
        raise NotAVariantOrder("A variant is of a version and by a change. Give both: variant_of and change.")
    if training["dataset"] or training["overrides"] or training["model"] != "model":
        raise NotAVariantOrder(
            f"A variant of {of} has the model file, the dataset and the settings of {of}. Leave model, dataset and "
            f"overrides out, or train another version."
        )
    return variant_order(registry, store, of, change)


def variant_order(registry: Registry, store: ArtifactStore, of: str, change: str) -> VariantOrder:
    """Resolve the version and look whether its detector admits the change.

    Raises:
        NotForThisKind, UnknownChange, VariantOfAVariant: The change is not possible.
    """
    found = registry.resolve(of)
    parent = artifact.load(store, found.version, found.artifact_sha256)
    try:
        require_whole(parent.manifest)
        require_admitted(parent.pipeline, change)
    except (NotForThisKind, VariantOfAVariant) as reason:
        raise type(reason)(
            f"The change {change} is not for {found.version}, a model of the detector {found.detector}: "
            f"{str(reason).rstrip('.')}. mlreg optimise {found.version} lists what it admits."
        ) from reason
    return VariantOrder(parent, found.version, change, found.dataset_day)
