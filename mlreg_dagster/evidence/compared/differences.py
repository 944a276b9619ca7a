"""What differs between two versions by their manifests, their datasets' lineages and their evaluations.

Left is before, right is after: what right has and left lacks is added. The hours of datasets are in `hours`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.nested import Differing, differing
from mlreg_dagster.datasets.lineage import TRAINING, lineage_of
from mlreg_dagster.evidence.compared.hours import HoursCompared, compare_hours
from mlreg_dagster.models.manifests import TOLD_APART_BY
from mlreg_dagster.registry import Evaluation, GateResult, ModelVersion
from mlreg_dagster.storage.artifacts import ArtifactStore

_OF_LINEAGE = (
    "first_hour", "end", "rows", "instruments", "instruments_left_out", "hours_with_rows", "hours_in_window",
    "feature_fingerprint", "source",
)  # fmt: skip


@dataclass(frozen=True)
class Differences:
    """What differs.

    Attributes:
        manifests: Values of the manifests by group: settings, features, data, libraries, code, use case, result.
        features_added: Features of right that left does not use, in their order.
        features_dropped: Features of left that right does not use.
        lineage: Values of the lineages of their training datasets.
        hours: The hours of these; None: not known, see `problem`.
        problem: Why the datasets could not be compared; None: they were.
    """

    manifests: Mapping[str, Sequence[Differing]]
    features_added: tuple[str, ...]
    features_dropped: tuple[str, ...]
    lineage: Sequence[Differing]
    hours: HoursCompared | None
    problem: str | None


@dataclass(frozen=True)
class GatePair:
    """A gate in the evaluations that count of two versions; None on a side that does not have it."""

    name: str
    left: GateResult | None
    right: GateResult | None


def differences_of(left: ModelVersion, right: ModelVersion, store: ArtifactStore) -> Differences:
    """What differs between two versions.

    Args:
        left: One of them.
        right: The other one.
        store: Where their datasets are.
    """
    before, after = left.manifest["features"], right.manifest["features"]
    problem: str | None = None
    lineages: list[dict[str, Any]]
    try:
        lineages = [lineage_of(store, TRAINING, each.dataset_day, each.dataset_sha256) for each in (left, right)]
    except MlregError as error:  # the failure is the finding
        lineages, problem = [{}, {}], str(error)
    hours = compare_hours(*lineages)
    if hours is None and problem is None:
        problem = "One of the training datasets was frozen before its hours were hashed: they can't be compared."
    return Differences(
        manifests={
            group: found
            for group, names in TOLD_APART_BY.items()
            if (found := differing(_part(left.manifest, names), _part(right.manifest, names)))
        },
        features_added=tuple(name for name in after if name not in before),
        features_dropped=tuple(name for name in before if name not in after),
        lineage=differing(_part(lineages[0], _OF_LINEAGE), _part(lineages[1], _OF_LINEAGE)),
        hours=hours,
        problem=problem,
    )


def gates_side_by_side(left: Evaluation | None, right: Evaluation | None) -> list[GatePair]:
    """Every gate of two evaluations, in the order of the right one, then those of left alone.

    Args:
        left: The evaluation that counts of one version; None: it has none.
        right: That of the other one.
    """
    before, after = ({gate.name: gate for gate in each.gates} if each else {} for each in (left, right))
    return [GatePair(name, before.get(name), after.get(name)) for name in dict.fromkeys((*after, *before))]


def _part(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}
