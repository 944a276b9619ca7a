"""Opens MLflow and reads what it holds of the mirror; the one place that asks for the package."""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlreg_dagster.core.extras import require_installed
from mlreg_dagster.integrations.mlflow.content import (
    FILES,
    MARK,
    NAME,
    OWN,
    PARENT,
    PLACEHOLDER,
    REGISTRY,
    REPLACED,
    STATE,
    SUBJECT,
    WRITING,
    Dataset,
    Model,
    Run,
    Version,
    digest,
)
from mlreg_dagster.integrations.mlflow.errors import MlflowNotInstalled, MlflowRefused
from mlreg_dagster.integrations.mlflow.place import Place

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1000
_BOOKKEEPING = {MARK, REPLACED, SUBJECT}
_ASKED_OF_MLFLOW = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",  # seconds
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # MLflow's own 7, of 120 s each, are a quarter of an hour
}
"""What the environment may say otherwise."""

_NO_MLFLOW = "What answers is no MLflow:"
_OTHER_PLACE = "Let MLFLOW_TRACKING_URI name the address of a tracking server."


@dataclass(frozen=True)
class FoundRun:
    """A run in MLflow.

    Attributes:
        id: MLflow's.
        run: What it holds.
        mark: The hash of what was written of it.
        deleted: Whether it is in the trash.
        files_sha256: Of the model that was uploaded; None: of none.
    """

    id: str
    run: Run
    mark: str | None
    deleted: bool
    files_sha256: str | None

    @property
    def is_touched(self) -> bool:
        """Whether someone changed it since it was written."""
        return self.deleted or self.mark != digest(self.run.facts)


@dataclass(frozen=True)
class FoundVersion:
    """A version in MLflow; `run_id` is the run that it comes from."""

    run_id: str | None
    version: Version
    mark: str | None

    @property
    def is_touched(self) -> bool:
        """Whether someone changed it since it was written."""
        return self.mark != digest(self.version.facts)


@dataclass(frozen=True)
class FoundModel:
    """The registered model in MLflow."""

    model: Model
    mark: str | None

    @property
    def is_touched(self) -> bool:
        """Whether someone changed it since it was written."""
        return self.mark != digest(self.model.facts)


@dataclass(frozen=True)
class Found:
    """What MLflow holds of the mirror.

    Attributes:
        experiment: Its id; None: there is none.
        is_deleted: Whether the experiment is in the trash.
        registry: Which registry it mirrors.
        is_whole: Whether the last sync came to its end, so that what differs was changed by others.
        runs: By subject.
        spare: Ids of runs that stand beside those, or were replaced and brought back.
        versions: By number, those of others among them.
        placeholders: Numbers of versions that only pass over a number.
        model: The registered model.
    """

    experiment: str | None = None
    is_deleted: bool = False
    registry: str | None = None
    is_whole: bool = False
    runs: Mapping[str, FoundRun] = field(default_factory=dict)
    spare: tuple[str, ...] = ()
    versions: Mapping[int, FoundVersion] = field(default_factory=dict)
    placeholders: tuple[int, ...] = ()
    model: FoundModel | None = None


def open_client(place: Place) -> "MlflowClient":
    """MLflow at a place; a database is made there if there is none.

    Raises:
        MlflowNotInstalled: The extra is not installed.
    """
    require_extra()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=place.uri, registry_uri=place.uri)


def require_extra() -> None:
    """Refuse to go on without the extra; have it send nothing, draw nothing and give up on a server in a minute or two.

    Raises:
        MlflowNotInstalled: It is not installed; the message says how to install it.
    """
    require_installed("mlflow", ("mlflow",), MlflowNotInstalled)
    for name, value in _ASKED_OF_MLFLOW.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def read(client: "MlflowClient", name: str = NAME) -> Found:
    """What MLflow holds now; nothing is written.

    Raises:
        MlflowRefused: What answers is no MLflow.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is not None and not experiment.experiment_id:
        raise MlflowRefused(f"{_NO_MLFLOW} it names no id of the experiment {name}. {_OTHER_PLACE}")
    everything = _versions(client, name)
    if experiment is None:
        return Found(versions=_by_number(everything, {})[0], model=_model(client, name))
    used = {each.run_id for each in everything if PLACEHOLDER not in each.tags}
    runs, spare = _by_subject(_runs(client, experiment.experiment_id), used)
    versions, placeholders = _by_number(everything, {each.id: subject for subject, each in runs.items()})
    return Found(
        experiment=experiment.experiment_id,
        is_deleted=experiment.lifecycle_stage == "deleted",
        registry=experiment.tags.get(REGISTRY),
        is_whole=REGISTRY in experiment.tags and experiment.tags.get(STATE) != WRITING,
        runs=runs,
        spare=spare,
        versions=versions,
        placeholders=placeholders,
        model=_model(client, name),
    )


def _runs(client: "MlflowClient", experiment: str) -> list[Any]:
    from mlflow.entities import ViewType

    found: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment], run_view_type=ViewType.ALL, max_results=_PAGE, page_token=token)
        found += page
        if not (token := page.token):
            return found


def _by_subject(runs: Iterable[Any], used: set[str | None]) -> tuple[dict[str, FoundRun], tuple[str, ...]]:
    """The run of each subject, and those that should be in the trash; runs of others are in neither."""
    chosen: dict[str, Any] = {}
    spare: list[str] = []
    for run in sorted(runs, key=lambda each: _worth(each, used), reverse=True):
        subject = run.data.params.get(SUBJECT) or run.data.tags.get(SUBJECT)
        if subject is None:
            continue
        if subject in chosen or REPLACED in run.data.tags:
            if run.info.lifecycle_stage == "active":
                spare.append(run.info.run_id)
        else:
            chosen[subject] = run
    subjects = {run.info.run_id: subject for subject, run in chosen.items()}
    return {subject: _found_run(run, subjects) for subject, run in chosen.items()}, tuple(sorted(spare))


def _worth(run: Any, used: set[str | None]) -> tuple[bool, bool, bool, str]:
    """Which of several runs of one subject is the mirror: the one that a version comes from, then a whole one."""
    return run.info.run_id in used, run.info.lifecycle_stage == "active", MARK in run.data.tags, run.info.run_id


def _found_run(run: Any, subjects: Mapping[str, str]) -> FoundRun:
    params, tags = dict(run.data.params), dict(run.data.tags)
    parent = tags.get(PARENT)
    content = Run(
        name=run.info.run_name,
        status=run.info.status,
        end=run.info.end_time or 0,
        params={name: value for name, value in params.items() if name != FILES},
        metrics=dict(run.data.metrics),
        tags=_own(tags),
        datasets=frozenset(_dataset(each) for each in run.inputs.dataset_inputs) if run.inputs else frozenset(),
        parent=None if parent is None else subjects.get(parent, parent),
    )
    deleted = run.info.lifecycle_stage == "deleted"
    return FoundRun(run.info.run_id, content, tags.get(MARK), deleted, params.get(FILES))


def _dataset(found: Any) -> Dataset:
    context = next((tag.value for tag in found.tags if tag.key == "mlflow.data.context"), "")
    return Dataset(found.dataset.name, found.dataset.digest, found.dataset.source, context)


def _versions(client: "MlflowClient", name: str) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = client.search_model_versions(f"name = '{name}'", max_results=_PAGE, page_token=token)
        found += page
        if not (token := page.token):
            return found


def _by_number(versions: Iterable[Any], subjects: Mapping[str, str]) -> tuple[dict[int, FoundVersion], tuple[int, ...]]:
    """The versions, and the numbers of placeholders; `subjects` by the ids of runs."""
    found: dict[int, FoundVersion] = {}
    placeholders = []
    for each in versions:
        if not str(each.version).isdecimal():
            raise MlflowRefused(f"{_NO_MLFLOW} a version has the number {each.version!a}. {_OTHER_PLACE}")
        tags = dict(each.tags)
        if PLACEHOLDER in tags:
            placeholders.append(int(each.version))
            continue
        content = Version(subjects.get(each.run_id or ""), each.description or "", _own(tags))
        found[int(each.version)] = FoundVersion(each.run_id, content, tags.get(MARK))
    return found, tuple(sorted(placeholders))


def _model(client: "MlflowClient", name: str) -> FoundModel | None:
    found = [each for each in client.search_registered_models(f"name = '{name}'") if each.name == name]
    if not found:
        return None
    tags = dict(found[0].tags)
    aliases = {alias: int(number) for alias, number in found[0].aliases.items()}
    return FoundModel(Model(found[0].description or "", _own(tags), aliases), tags.get(MARK))


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name.startswith(OWN) and name not in _BOOKKEEPING}
