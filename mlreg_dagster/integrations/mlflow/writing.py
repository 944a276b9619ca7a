"""Makes MLflow hold what the registry asks for: every step may be the last, as the next sync goes on from there."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mlreg_dagster.integrations.mlflow.client import Found, FoundRun
from mlreg_dagster.integrations.mlflow.content import (
    FILES,
    MARK,
    MODEL,
    NAME,
    PARENT,
    REGISTRY,
    REPLACED,
    STATE,
    SUBJECT,
    WHOLE,
    WRITING,
    Run,
    Wanted,
    digest,
)
from mlreg_dagster.integrations.mlflow.files import hash_of, sums
from mlreg_dagster.integrations.mlflow.place import Place
from mlreg_dagster.integrations.mlflow.version_writing import VersionWriting

if TYPE_CHECKING:
    from mlflow import MlflowClient

Build = Callable[[Path, str], Path]
"""Writes the model of a version, by its name, into an empty folder, and gives the folder of the model."""

_PARAMS, _METRICS = 100, 1000  # in one call


class Writing(VersionWriting):
    """One sync.

    Args:
        client: MLflow.
        place: Where it is.
        found: What it holds.
        wanted: What it should hold.
        files: Files of models that are not what was uploaded, by version.
        build: Makes the model of a version.
    """

    def __init__(
        self,
        client: "MlflowClient",
        place: Place,
        found: Found,
        wanted: Wanted,
        files: Mapping[str, list[str]],
        build: Build,
    ) -> None:
        super().__init__(client, found, wanted)
        self._place = place
        self._files = files
        self._build = build
        self._models = {str(version.subject) for version in wanted.versions.values()}
        self._experiment = ""

    def write(self) -> int:
        """Write what differs; the number of calls that wrote."""
        self._begin()
        for run_id in self._found.spare:
            self._do("delete_run", run_id)
        for subject in self._wanted.runs:
            self._ids[subject] = self._run(subject)
        self._write_versions()
        for subject, there in self._found.runs.items():
            if subject not in self._wanted.runs and not there.deleted:
                self._discard(there.id)
        self._write_model()
        self._do("set_experiment_tag", self._experiment, STATE, WHOLE)
        return self.calls

    def _begin(self) -> None:
        known = self._found.experiment
        if known is None:
            tags = {REGISTRY: self._wanted.registry, STATE: WRITING}
            self._experiment = self._do("create_experiment", NAME, self._place.artifacts, tags)
            return
        self._experiment = known
        if self._found.is_deleted:
            self._do("restore_experiment", known)
        self._do("set_experiment_tag", known, STATE, WRITING)
        if self._found.registry is None:
            self._do("set_experiment_tag", known, REGISTRY, self._wanted.registry)

    def _run(self, subject: str) -> str:
        there, run = self._found.runs.get(subject), self._wanted.runs[subject]
        if there is None:
            return self._created(subject, run)
        if there.run == run and not there.deleted and subject not in self._files:
            self._mark_run(there, run)
            return there.id
        if there.deleted:
            self._do("restore_run", there.id)
        with TemporaryDirectory() as scratch:
            model = self._model(scratch, subject, there)
            if _is_past_help(there, run) or (model and there.files_sha256 not in (None, hash_of(sums(model)))):
                self._discard(there.id)
                return self._created(subject, run)
            self._update_tags(there, run)
            self._fill(there.id, subject, run, there, model)
        return there.id

    def _created(self, subject: str, run: Run) -> str:
        tags = {SUBJECT: subject, **run.tags, **self._parent_of(run)}
        start = self._wanted.histories[subject].start
        run_id = self._do("create_run", self._experiment, start, tags, run.name).info.run_id
        with TemporaryDirectory() as scratch:
            self._fill(run_id, subject, run, None, self._model(scratch, subject, None))
        return str(run_id)

    def _model(self, scratch: str, subject: str, there: FoundRun | None) -> Path | None:
        """The model of a version, where it is to be uploaded."""
        if subject not in self._models:
            return None
        if there is not None and there.files_sha256 is not None and subject not in self._files:
            return None
        return self._build(Path(scratch), subject)

    def _fill(self, run_id: str, subject: str, run: Run, there: FoundRun | None, model: Path | None) -> None:
        """Add what is missing; nothing is added twice, as MLflow keeps equal values once."""
        from mlflow.entities import Metric, Param

        known = there.run if there else None
        params = {name: value for name, value in run.params.items() if not known or name not in known.params}
        if model and not (there and there.files_sha256):
            params[FILES] = hash_of(sums(model))
        for batch in _batches((Param(*each) for each in params.items()), _PARAMS):
            self._do("log_batch", run_id, params=batch)
        if model:
            self._upload(run_id, model)
        if known is None or known.metrics != run.metrics:
            points = (
                Metric(name, point.value, point.timestamp, point.step)
                for name, values in self._wanted.histories[subject].points.items()
                for point in values
            )
            for batch in _batches(points, _METRICS):
                self._do("log_batch", run_id, metrics=batch)
        if known is None or known.datasets != run.datasets:
            self._log_inputs(run_id, run, known)
        if known is None or (known.status, known.end) != (run.status, run.end):
            self._do("set_terminated", run_id, run.status, run.end)
        self._do("set_tag", run_id, MARK, digest(run.facts))

    def _log_inputs(self, run_id: str, run: Run, known: Run | None) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        missing = run.datasets - (known.datasets if known else frozenset())
        inputs = [
            DatasetInput(
                Dataset(name=each.name, digest=each.digest, source_type="mlreg", source=each.source),
                tags=[InputTag("mlflow.data.context", each.context)],
            )
            for each in sorted(missing, key=lambda each: each.name)
        ]
        self._do("log_inputs", run_id, datasets=inputs)

    def _upload(self, run_id: str, model: Path) -> None:
        """Put the files of a model back, and remove what lies between them."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        made = sums(model)
        self._do("log_artifacts", run_id, str(model), MODEL)
        there = listed(self._client, run_id)
        if others := sorted(there - made.keys()):
            root: Any = get_artifact_repository(self._client.get_run(run_id).info.artifact_uri, self._place.uri)
            for name in others:
                self._count()
                root.delete_artifacts(f"{MODEL}/{name}")

    def _update_tags(self, there: FoundRun, run: Run) -> None:
        self._set_tags(there.run.tags, run.tags, "tag", there.id)
        parent = self._parent_of(run)
        if there.run.parent != run.parent:
            for name, value in parent.items():
                self._do("set_tag", there.id, name, value)
            if not parent:
                self._do("delete_tag", there.id, PARENT)
        if there.run.name != run.name:
            self._do("update_run", there.id, name=run.name)

    def _parent_of(self, run: Run) -> dict[str, str]:
        return {} if run.parent is None else {PARENT: self._ids[run.parent]}

    def _mark_run(self, there: FoundRun, run: Run) -> None:
        if there.mark != digest(run.facts):
            self._do("set_tag", there.id, MARK, digest(run.facts))

    def _discard(self, run_id: str) -> None:
        self._do("set_tag", run_id, REPLACED, "true")
        self._do("delete_run", run_id)


def _is_past_help(there: FoundRun, run: Run) -> bool:
    """Whether a run holds what MLflow neither changes nor deletes: then another takes its place."""
    wrong = any(run.params.get(name) != value for name, value in there.run.params.items())
    unknown = there.run.metrics.keys() - run.metrics.keys() or there.run.datasets - run.datasets
    changed = there.is_touched and any(
        run.metrics[name] != value for name, value in there.run.metrics.items() if name in run.metrics
    )
    return bool(wrong or unknown or changed)


def listed(client: "MlflowClient", run_id: str) -> set[str]:
    """The files of the model of a run, by their paths in it."""
    found: set[str] = set()
    folders = [MODEL]
    while folders:
        for each in client.list_artifacts(run_id, folders.pop()):
            if each.is_dir:
                folders.append(each.path)
            else:
                found.add(each.path.removeprefix(f"{MODEL}/"))
    return found


def _batches(things: Iterable[Any], size: int) -> Iterable[list[Any]]:
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch
