"""One sync, or one look: registry to MLflow, never the other way."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.integrations.mlflow.client import Found, open_client, read, require_extra
from mlreg_dagster.integrations.mlflow.content import MODEL, Wanted
from mlreg_dagster.integrations.mlflow.differences import Difference, compare, refuse
from mlreg_dagster.integrations.mlflow.errors import MlflowRefused, in_words
from mlreg_dagster.integrations.mlflow.files import build, hash_of, sums
from mlreg_dagster.integrations.mlflow.place import Place
from mlreg_dagster.integrations.mlflow.wanted import wanted as asked_for
from mlreg_dagster.integrations.mlflow.writing import Build, Writing, listed
from mlreg_dagster.registry import ModelVersion, Registry
from mlreg_dagster.registry.witness import Head
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.artifacts import ArtifactStore

if TYPE_CHECKING:
    from mlflow import MlflowClient

_WAIT_S = 60.0


class MirrorBusy(MlregError):
    """Another process writes the mirror."""


@dataclass(frozen=True)
class Report:
    """What a sync or a look found.

    Attributes:
        place: Where the mirror is, without a password.
        versions: How many versions the registry has.
        runs: How many runs the mirror has: versions, studies, trials, sweeps.
        foreign: What someone changed in MLflow.
        missing: What was not mirrored yet.
        calls: How many calls wrote.
    """

    place: str
    versions: int
    runs: int
    foreign: tuple[str, ...]
    missing: tuple[str, ...]
    calls: int


def look(registry: Registry, store: ArtifactStore, place: Place, witnessed: Iterable[Head]) -> Report:
    """Compare without changing anything.

    Raises:
        RegistryTampered, ArtifactMissing, ArtifactTampered: The registry or a bundle is not what it was.
        NumberTaken, OtherRegistry: MLflow holds what can't be its mirror.
        MlflowNotInstalled, MlflowRefused: MLflow is not there, or does not answer.
    """
    require_extra()
    wanted = asked_for(registry, store, witnessed)
    with in_words(place):
        if place.is_missing:
            return _report(place, wanted, compare(Found(), wanted, {}), 0)
        client = open_client(place)
        found = read(client)
        refuse(found, wanted)
        files = _wrong_files(client, found, wanted, _builder(registry, store))
        return _report(place, wanted, compare(found, wanted, files), 0)


def sync(
    registry: Registry,
    store: ArtifactStore,
    place: Place,
    witnessed: Iterable[Head],
    client: "MlflowClient | None" = None,
) -> Report:
    """Make MLflow hold what the registry says; a second time nothing is written.

    Args:
        registry: It is only read.
        store: Where the bundles are.
        place: Where MLflow is.
        witnessed: Heads of the audit log that others remember.
        client: MLflow there; None: it is opened.

    Raises:
        RegistryTampered, ArtifactMissing, ArtifactTampered: The registry or a bundle is not what it was; nothing was
            written.
        NumberTaken, OtherRegistry: MLflow holds what can't be its mirror; nothing was written.
        MirrorBusy: Another process writes it.
        MlflowNotInstalled, MlflowRefused: MLflow is not there, or does not do what it was asked.
    """
    require_extra()
    with _alone(place), in_words(place):
        wanted = asked_for(registry, store, witnessed)
        client = client or open_client(place)
        made = _builder(registry, store)
        found = read(client)
        refuse(found, wanted)
        files = _wrong_files(client, found, wanted, made)
        differing = compare(found, wanted, files)
        if not differing:
            return _report(place, wanted, differing, 0)
        calls = Writing(client, place, found, wanted, files, made).write()
        left = compare(read(client), wanted, {})
        if left:
            raise MlflowRefused(
                f"MLflow at {place.shown} took everything and holds something else: "
                f"{'; '.join(each.text for each in left[:5])}. Look for others who write there, then run mlreg mlflow "
                f"sync again."
            )
        return _report(place, wanted, differing, calls)


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    private_files.make_folder(place.lock.parent)
    lock = FileLock(place.lock, timeout=_WAIT_S, mode=private_files.OF_FILES)
    try:
        lock.acquire()
    except Timeout:
        raise MirrorBusy(
            f"Another process has kept {place.lock} for more than {_WAIT_S:g} s, as it writes the mirror. Nothing was "
            f"written. Run this again when it has ended."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _builder(registry: Registry, store: ArtifactStore) -> Build:
    versions: dict[str, ModelVersion] = {each.version: each for each in registry.versions()}
    return lambda folder, name: build(folder, store, versions[name])


def _wrong_files(client: "MlflowClient", found: Found, wanted: Wanted, made: Build) -> Mapping[str, list[str]]:
    """The files of models in MLflow that are not what was uploaded, by version."""
    wrong = {}
    for version in wanted.versions.values():
        subject = str(version.subject)
        run = found.runs.get(subject)
        if run is None or run.files_sha256 is None:
            continue
        with TemporaryDirectory() as scratch:
            there = _downloaded(client, run.id, scratch)
            if hash_of(there) == run.files_sha256:
                continue
        with TemporaryDirectory() as scratch:
            ours = sums(made(Path(scratch), subject))
        names = [name for name in sorted(there.keys() | ours.keys()) if there.get(name) != ours.get(name)]
        wrong[subject] = names or [MODEL]
    return wrong


def _downloaded(client: "MlflowClient", run_id: str, scratch: str) -> dict[str, str]:
    if not listed(client, run_id):
        return {}
    return sums(Path(client.download_artifacts(run_id, MODEL, scratch)))


def _report(place: Place, wanted: Wanted, differing: Iterable[Difference], calls: int) -> Report:
    differing = list(differing)
    return Report(
        place=place.shown,
        versions=len(wanted.versions),
        runs=len(wanted.runs),
        foreign=tuple(each.text for each in differing if each.foreign),
        missing=tuple(each.text for each in differing if not each.foreign),
        calls=calls,
    )
