"""A smaller variant of a version as a version of its own: changed, never fitted again, and reproducible.

The pipeline is that of the other version after the change. What follows from the scores of the training rows is looked
up again by the changed pipeline: the threshold, the scores that a flag policy begins with, the graph.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlreg_dagster.config.loading import versioned_folder
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.revision import code_revision
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts.artifact import Model, library_versions
from mlreg_dagster.models.manifests import CAUSE, CODE, ORIGINS, VARIANT, settings_in
from mlreg_dagster.models.optimisation.variants import Matrix, changed
from mlreg_dagster.models.own_rows import said_of
from mlreg_dagster.models.training import require_dataset, rows_to_fit, sampled
from mlreg_dagster.registry.records.models import ORIGIN


class VariantOfAVariant(MlregError):
    """A change to a version that is a variant already."""


def require_whole(manifest: Mapping[str, Any]) -> None:
    """Refuse to change a variant: two changes to one version could not be told from a manifest.

    Raises:
        VariantOfAVariant: It is one.
    """
    if VARIANT in manifest:
        of = manifest[VARIANT]["of"]
        raise VariantOfAVariant(f"it is a variant of {of} already. Make another variant of {of}.")


def make_variant(
    version: str,
    parent: Model,
    of: str,
    change: str,
    dataset: Dataset,
    *,
    use_case_sha256: str | None = None,
    cause: Mapping[str, str] | None = None,
) -> Model:
    """Make a variant of a model under a name of its own.

    Args:
        version: Its name.
        parent: Loaded, or trained again; it stays as it is.
        of: Under which name the parent is registered.
        change: One of `variants.CHANGES`.
        dataset: The one that the parent was trained on.
        use_case_sha256: Of the use case that the variant is made under.
        cause: Why it is made, where that is written down.

    Raises:
        CannotTrain: The dataset is another one.
        NotForThisKind: The detector of the version does not admit the change.
        UnknownChange: There is no such change.
        VariantOfAVariant: The parent is a variant itself.
    """
    require_whole(parent.manifest)
    require_dataset(parent.manifest, dataset)
    settings, features = settings_in(parent.manifest), parent.features
    rows, usual = (
        _matrix(each, features) for each in (rows_to_fit(dataset, settings), sampled(dataset.rows, settings))
    )
    pipeline = changed(parent.pipeline, change, rows)
    said, graph = said_of(pipeline, parent.baseline, rows, usual, settings, features, version, dataset)
    manifest = {
        **{name: value for name, value in parent.manifest.items() if name not in (CAUSE, *ORIGINS, ORIGIN)},
        **said,
        "version": version,
        "use_case_sha256": use_case_sha256,
        **({CAUSE: dict(cause)} if cause is not None else {}),
        "libraries": library_versions(),
        CODE: code_revision(versioned_folder()),
        VARIANT: {"of": of, "change": change},
    }
    return Model(pipeline, parent.baseline, manifest, graph)


def refitted_alike(pipeline: Any, manifest: Mapping[str, Any], rows: Matrix) -> Any:
    """A refit of a version's settings after the version's own change, if it has one.

    Args:
        pipeline: Fitted to the rows.
        manifest: Of the version.
        rows: Of its features.
    """
    return changed(pipeline, manifest[VARIANT]["change"], rows) if VARIANT in manifest else pipeline


def _matrix(rows: Any, features: list[str]) -> Matrix:
    return rows[features].to_numpy(dtype=np.float64)  # type: ignore[no-any-return]
