"""The change log of a version: what differs from the version before, in settings, data, code, libraries and gates."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from mlreg_dagster.datasets.freezing import TRAINING
from mlreg_dagster.datasets.source_record import SOURCE
from mlreg_dagster.evidence.card.contents.contents import Predecessor
from mlreg_dagster.evidence.card.contents.times import as_time
from mlreg_dagster.evidence.card.elements import flat
from mlreg_dagster.models.artifacts.verified import Frozen, frozen
from mlreg_dagster.models.manifests import TOLD_APART_BY
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.registry import Evaluation, ModelVersion, Registry
from mlreg_dagster.storage.artifacts import ArtifactStore

_OF_LINEAGE = ("instruments", "instruments_left_out", "hours_with_rows", SOURCE)
_NOTHING = "none"


def predecessor_of(version: ModelVersion, registry: Registry, store: ArtifactStore) -> Predecessor | None:
    """The version before, and what differs.

    Args:
        version: Which one.
        registry: Where the versions and the history of the champions are.
        store: Where their datasets are.

    Returns:
        None for the first version.
    """
    name = version.version
    replaced = next((move.previous_version for move in registry.history(CHAMPION) if move.version == name), None)
    earlier = list(takewhile(lambda each: each.version != name, registry.versions()))
    if replaced is not None and replaced != name:
        before = registry.version(replaced)
    elif earlier:
        before = earlier[-1]
    else:
        return None
    now, then = (registry.latest_evaluation(each.version) for each in (version, before))
    changes = [*_of_manifests(before, version), *_of_datasets(before, version, store), *_of_gates(then, now)]
    versus = (now.metrics.get("versus_champion") if now else None) or {}
    compared = versus if before.version in (versus.get("champion"), versus.get("right")) else None
    return Predecessor(before.version, before.version == replaced, changes, compared)


def _of_manifests(before: ModelVersion, now: ModelVersion) -> Iterator[dict[str, Any]]:
    for group, names in TOLD_APART_BY.items():
        left, right = (flat({name: each.manifest.get(name) for name in names}) for each in (before, now))
        yield from _differing(group, left, right)
        if group == "features":
            yield from _features(before.manifest["features"], now.manifest["features"])


def _features(before: Sequence[str], now: Sequence[str]) -> Iterator[dict[str, Any]]:
    removed, added = ([name for name in left if name not in right] for left, right in ((before, now), (now, before)))
    if removed or added:
        yield {
            "group": "features",
            "what": f"{len(removed)} removed, {len(added)} added",
            "before": ", ".join(removed) or _NOTHING,
            "now": ", ".join(added) or _NOTHING,
        }


def _of_datasets(before: ModelVersion, now: ModelVersion, store: ArtifactStore) -> Iterator[dict[str, Any]]:
    if before.dataset_sha256 == now.dataset_sha256:
        return
    left, right = (frozen(store, TRAINING, each.dataset_day, each.dataset_sha256) for each in (before, now))
    for part in (left, right):
        if part.problem:
            yield {"group": "data", "what": "lineage", "before": part.problem, "now": _NOTHING}
            return
    yield from _differing("data", _shown(left), _shown(right))


def _shown(part: Frozen) -> dict[str, Any]:
    return flat({name: part.lineage.get(name) for name in _OF_LINEAGE})


def _of_gates(before: Evaluation | None, now: Evaluation | None) -> Iterator[dict[str, Any]]:
    left, right = (
        {gate.name: f"{'passed' if gate.passed else 'FAILED'}, {_number(gate.value)}" for gate in each.gates}
        if each
        else {}
        for each in (before, now)
    )
    yield from _differing("gates", left, right)
    thresholds = (flat(each.thresholds) if each else {} for each in (before, now))
    yield from _differing("thresholds of evaluation", *thresholds)


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3g}"


def _differing(group: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            left, right = as_time(before.get(name)), as_time(now.get(name))
            yield {"group": group, "what": name, "before": left, "now": right}
