"""Moves a version between a home and its branches: the same bytes under the same number, and nothing decided with it.

It arrives as a candidate. Evaluations, approvals and aliases stay where they were made; the target's gates and policy
decide again.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlreg_dagster.config.places import artifacts_root, registry_url
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import hour_key
from mlreg_dagster.datasets.changes import compare, features_within
from mlreg_dagster.datasets.freezing import HOLDOUT, TRAINING, load
from mlreg_dagster.models.artifacts.files import MODELS
from mlreg_dagster.registry import Attribution, ModelVersion, Registry
from mlreg_dagster.registry.errors import RegistryTampered
from mlreg_dagster.registry.read_only import ReadOnlyRegistry
from mlreg_dagster.registry.records.models import ORIGIN
from mlreg_dagster.storage.artifacts import ArtifactStore, open_artifacts
from mlreg_dagster.storage.warehouse.warehouse import Warehouse


class NotSent(MlregError):
    """A version that can't move; nothing was changed in the target."""


@dataclass(frozen=True)
class Target:
    """Where a version goes.

    Attributes:
        branch: Its name; `prod` for the home itself.
        registry: Its registry.
        artifacts: Its bundles.
        tables: Its tables, which the holdout is compared with.
        partitions: The versions that its Dagster has partitions for.
    """

    branch: str
    registry: Registry
    artifacts: ArtifactStore
    tables: Warehouse
    partitions: Collection[str]


@dataclass(frozen=True)
class Sent:
    """What was done.

    Attributes:
        version: Its record in the target.
        was_there: Whether the target had it already.
        arrived: The bundles that the target did not have, as `kind/key`.
        remarks: What readers should know of the datasets.
    """

    version: ModelVersion
    was_there: bool
    arrived: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def send(source: Path, branch: str, spec: str, target: Target, by: Attribution) -> Sent:
    """Move a version; sending it again changes nothing.

    Bundles are frozen before the record that names them, and an interrupted move goes on where it ended.

    Args:
        source: The home that has it; it is only read.
        branch: The name of that home: of a branch, or `prod`.
        spec: `v7`, `latest`, or an alias of that home.
        target: Where it goes.
        by: Who sends it, when and why.

    Raises:
        NotSent: The number or a dataset of that day is another one in the target, or the holdout holds other rows than
            the target's tables.
        UnknownVersion: The source has no such version.
        RegistryTampered: A registry does not fit its audit log.
        ArtifactMissing, ArtifactTampered: A bundle is not there, or not what was frozen.
        InvalidRecord: An actor or a reason of a forbidden form.
    """
    by = by.checked()
    registry, store = ReadOnlyRegistry(registry_url(source)), open_artifacts(artifacts_root(source))
    for name, each in {branch: registry, target.branch: target.registry}.items():
        if broken := each.find_tampering():
            raise RegistryTampered(f"The registry of {name} does not fit its audit log: {broken} Nothing was sent.")
    version = registry.resolve(spec)
    if (known := _known(version, target)) is not None:
        return Sent(known, was_there=True)
    bundles = _bundles(version, store)
    arriving = {place: files for place, files in bundles.items() if not _has(target, place, version, store)}
    remarks = _compared(version, store, target) if (HOLDOUT, version.dataset_day) in arriving else ()
    for (kind, key), files in arriving.items():
        frozen = target.artifacts.freeze(kind, key, files)
        target.artifacts.read(kind, key, _sha256(store, kind, key, version))
        if frozen.sha256 != _sha256(store, kind, key, version):
            raise NotSent(f"{kind}/{key} arrived with another hash, {frozen.sha256}. The version was not registered.")
    registered = target.registry.register(
        version.version,
        Attribution(version.created_by, by.time),
        detector=version.detector,
        dataset_day=version.dataset_day,
        dataset_sha256=version.dataset_sha256,
        artifact_sha256=version.artifact_sha256,
        manifest={**version.manifest, ORIGIN: _origin(version, branch, registry, store, by)},
    )
    return Sent(registered, False, tuple(f"{kind}/{key}" for kind, key in arriving), remarks)


def _known(version: ModelVersion, target: Target) -> ModelVersion | None:
    """The target's record of the same bytes; None: it has none, and the number is free."""
    name = version.version
    versions = {each.version: each for each in target.registry.versions()}
    for each in versions.values():
        if each.artifact_sha256 == version.artifact_sha256:
            return each
    if name in versions:
        other = versions[name]
        raise _taken(name, target, f"trained {other.created_at:%Y-%m-%d %H:%M} by {other.created_by}")
    if name in target.registry.lost_versions():
        raise _taken(name, target, "which is lost")
    bundle = target.artifacts.find(MODELS, name)
    if bundle is not None and bundle.sha256 != version.artifact_sha256:
        raise _taken(name, target, "whose training did not end")
    if bundle is None and name in target.partitions:
        raise _taken(name, target, "which is being trained, or failed")
    return None


def _taken(name: str, target: Target, what: str) -> NotSent:
    return NotSent(
        f"{name} is another version in {target.branch}, {what}. A version keeps its number wherever it goes, as its "
        f"bundle, its predictions and signatures name it. Train it again in its branch: it takes a number that is free "
        f"in both. Nothing was sent."
    )


def _bundles(version: ModelVersion, store: ArtifactStore) -> dict[tuple[str, str], dict[str, bytes]]:
    """All files that the version is made of and judged by, verified; the model comes last."""
    day = version.dataset_day
    places = [(TRAINING, day), (HOLDOUT, day), (MODELS, version.version)]
    return {place: store.read(*place, _sha256(store, *place, version)) for place in places}


def _sha256(store: ArtifactStore, kind: str, key: str, version: ModelVersion) -> str:
    if kind != HOLDOUT:
        return version.artifact_sha256 if kind == MODELS else version.dataset_sha256
    found = store.find(kind, key)
    if found is None:
        raise NotSent(f"The holdout of {key} is missing, by which {version.version} is to be evaluated.")
    return found.sha256


def _has(target: Target, place: tuple[str, str], version: ModelVersion, store: ArtifactStore) -> bool:
    found = target.artifacts.find(*place)
    if found is None:
        return False
    if found.sha256 == _sha256(store, *place, version):
        return True
    if place[0] == HOLDOUT:  # the target judges by its own
        return True
    raise NotSent(
        f"{target.branch} has another {place[0]} of {place[1]} ({found.sha256[:12]}) than {version.version} was "
        f"trained on ({version.dataset_sha256[:12]}). Train in {target.branch} instead. Nothing was sent."
    )


def _compared(version: ModelVersion, store: ArtifactStore, target: Target) -> tuple[str, ...]:
    """Refuse a holdout that the target's own tables contradict; says what they can't confirm."""
    holdout = load(store, HOLDOUT, version.dataset_day)
    with target.tables.connect() as connection:
        now = compare(HOLDOUT, holdout, features_within(connection, holdout.window))
    if now.changed:
        raise NotSent(
            f"{target.branch} would evaluate {version.version} on rows that differ from its own: of {now.frozen} hours "
            f"of the holdout {version.dataset_day} {len(now.changed)} hold other rows there (the first is "
            f"{hour_key(now.changed[0])}). Freeze the dataset in {target.branch}, or train there. Nothing was sent."
        )
    if now.gone:
        return (
            f"{target.branch} has no rows for {len(now.gone)} of {now.frozen} hours of the holdout "
            f"{version.dataset_day}: it came with the version, and can't be compared.",
        )
    return ()


def _origin(
    version: ModelVersion, branch: str, registry: Registry, store: ArtifactStore, by: Attribution
) -> dict[str, Any]:
    holdout, (sequence, digest) = store.find(HOLDOUT, version.dataset_day), registry.audit_head()
    return {
        "branch": branch,
        "version": version.version,
        "artifact_sha256": version.artifact_sha256,
        "trained_at": version.created_at.isoformat(),
        "run_id": version.run_id,
        "audit_head": f"{sequence}:{digest}",
        "sent_by": by.actor,
        "sent_at": by.time.isoformat(),
        "reason": by.reason,
        "datasets": {
            f"{TRAINING}/{version.dataset_day}": version.dataset_sha256,
            f"{HOLDOUT}/{version.dataset_day}": holdout.sha256 if holdout else "",
        },
    }
