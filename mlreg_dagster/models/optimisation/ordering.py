"""Resolves the request for a variant: which version, which change, before anything is made."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.models.artifacts import artifact
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.manifests import VARIANT
from mlreg_dagster.models.optimisation.making import VariantOfAVariant, require_whole
from mlreg_dagster.models.optimisation.variants import NotForThisKind, require_admitted
from mlreg_dagster.models.sweeps.order import PlannedOtherwise
from mlreg_dagster.models.sweeps.plan import planned_for
from mlreg_dagster.models.training_request import stated_cause
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
        day: Of the dataset that it was trained on.
        cause: Why, as the manifest keeps it; None: by hand without a reason.
    """

    parent: Model
    of: str
    change: str
    day: str
    cause: Mapping[str, str] | None = None

    @property
    def origin(self) -> Mapping[str, Any]:
        """Where the version comes from, as the manifest keeps it."""
        return {VARIANT: {"of": self.of, "change": self.change}}


def stated_variant(
    version: str,
    registry: Registry,
    store: ArtifactStore,
    config: Mapping[str, Any],
    run_id: str,
    tags: Mapping[str, str],
) -> VariantOrder | None:
    """The variant that run config asks for; None where it asks for a training.

    Args:
        version: Under which it is to be made.
        registry: Where the other version is.
        store: Where its bundle is, and plans of sweeps are.
        config: Run config where it differs from its defaults: variant_of, change, and what is said of a training.
        run_id: The run that makes it.
        tags: Of that run.

    Raises:
        NotAVariantOrder: One of the two is missing, or a model, a dataset or overrides stand beside them.
        PlannedOtherwise: A sweep keeps the version for another one.
        NotForThisKind, UnknownChange, VariantOfAVariant: The change is not possible.
        NotACause: The reason is not stated as it should be.
    """
    of, change = config.get("variant_of"), config.get("change")
    if of is None and change is None:
        return None
    if of is None or change is None:
        raise NotAVariantOrder("A variant is of a version and by a change. Give both: variant_of and change.")
    if config.keys() & {"model", "dataset", "overrides"}:
        raise NotAVariantOrder(
            f"A variant of {of} has the model file, the dataset and the settings of {of}. Leave model, dataset and "
            f"overrides out, or train another version."
        )
    if (kept := planned_for(store, version)) is not None:
        raise PlannedOtherwise(
            f"{version} is kept for number {kept[1].number} of the sweep {kept[0].name}. Make the variant under the "
            f"next free version."
        )
    trigger, key, reason = (config.get(name) for name in ("trigger", "cause", "reason"))
    cause = stated_cause(trigger, key, reason, run_id, tags)
    return replace(variant_order(registry, store, of, change), cause=cause)


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
