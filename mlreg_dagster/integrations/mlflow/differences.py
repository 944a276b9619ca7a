"""What MLflow holds otherwise than the registry asks, in words, and whether someone changed it there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.integrations.mlflow.client import Found
from mlreg_dagster.integrations.mlflow.content import NAME, VERSION, Wanted

_LONGEST = 120
_ABSENT = object()


class NumberTaken(MlregError):
    """A version of others has a number in MLflow."""


class OtherRegistry(MlregError):
    """What is in MLflow is the mirror of another registry."""


@dataclass(frozen=True)
class Difference:
    """Something that MLflow holds otherwise.

    Attributes:
        subject: Of what: `v3`, `version 3`, `study …`, `registered model`.
        what: In words.
        foreign: Whether someone changed it there; else it is not written yet.
    """

    subject: str
    what: str
    foreign: bool

    @property
    def text(self) -> str:
        """As a line."""
        return f"{self.subject}: {self.what}"


def refuse(found: Found, wanted: Wanted) -> None:
    """Refuse what can't be a mirror of this registry.

    Raises:
        OtherRegistry: It is that of another one.
        NumberTaken: A version in MLflow is of others.
    """
    if found.registry not in (None, wanted.registry):
        raise OtherRegistry(
            f"The experiment {NAME} in MLflow is the mirror of another registry, whose audit log begins with "
            f"{found.registry[:12]}; this one begins with {wanted.registry[:12]}. Nothing was written. Let "
            f"MLFLOW_TRACKING_URI name another place, or delete that mirror there for good."
        )
    taken = [str(number) for number, each in found.versions.items() if _is_of_others(each.version)]
    if taken:
        raise NumberTaken(
            f"In MLflow, version {', '.join(taken)} of {NAME} is not from this registry, whose v{taken[0]} has that "
            f"number or will have it. Nothing was written. Copy it to a registered model of another name and delete "
            f"it from {NAME}; then run mlreg mlflow sync again."
        )


def _is_of_others(version: Any) -> bool:
    return version.subject is None and VERSION not in version.tags


def compare(found: Found, wanted: Wanted, files: Mapping[str, list[str]]) -> list[Difference]:
    """What differs.

    Args:
        found: In MLflow.
        wanted: By the registry.
        files: Files of models that are not what was uploaded, by subject.
    """
    return [
        Difference(subject, what, foreign and found.is_whole)
        for subject, what, foreign in (
            *_of_experiment(found, wanted),
            *_of_runs(found, wanted, files),
            *_of_versions(found, wanted),
            *_of_model(found, wanted),
        )
    ]


_Line = tuple[str, str, bool]


def _of_experiment(found: Found, wanted: Wanted) -> Iterator[_Line]:
    subject = f"experiment {NAME}"
    if found.experiment is None:
        yield subject, "is not there", False
    elif found.is_deleted:
        yield subject, "was deleted", True
    if found.experiment is not None and found.registry is None:
        yield subject, "does not name its registry", False
    if found.experiment is not None and found.registry == wanted.registry and not found.is_whole:
        yield subject, "the last sync did not come to its end", False


def _of_runs(found: Found, wanted: Wanted, files: Mapping[str, list[str]]) -> Iterator[_Line]:
    for subject, run in wanted.runs.items():
        there = found.runs.get(subject)
        if there is None:
            yield (
                subject,
                "its run is not there",
                any(each.version.tags.get(VERSION) == subject for each in found.versions.values()),
            )
            continue
        if there.deleted:
            yield subject, "its run was deleted", True
        for line in _lines(there.run.facts, run.facts):
            yield subject, line, there.is_touched
        for name in files.get(subject, ()):
            yield subject, f"file {name} of its model is not what was uploaded", True
    for subject, there in found.runs.items():
        if subject not in wanted.runs and not there.deleted:
            yield subject, "the registry has none of that name", False
    for run_id in found.spare:
        yield f"run {run_id}", "stands beside the run that is the mirror", False


def _of_versions(found: Found, wanted: Wanted) -> Iterator[_Line]:
    for number, version in wanted.versions.items():
        there = found.versions.get(number)
        if there is None:
            run = found.runs.get(str(version.subject))
            yield f"version {number}", "is not there", run is not None and run.mark is not None
            continue
        for line in _lines(there.version.facts, version.facts):
            yield f"version {number}", line, there.is_touched
    for number, there in found.versions.items():
        if number not in wanted.versions:
            yield f"version {number}", "the registry has none of that number", there.is_touched
    for number in found.placeholders:
        yield f"version {number}", "only passes over a number", False


def _of_model(found: Found, wanted: Wanted) -> Iterator[_Line]:
    if found.model is None:
        yield f"registered model {NAME}", "is not there", True
        return
    for line in _lines(found.model.model.facts, wanted.model.facts):
        yield f"registered model {NAME}", line, found.model.is_touched


def _lines(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(found.keys() | wanted.keys()):
        there, ours = found.get(name, _ABSENT), wanted.get(name, _ABSENT)
        if there != ours:
            yield f"{name} is {_shown(there)} in MLflow, {_shown(ours)} by the registry"


def _shown(value: Any) -> str:
    return "absent" if value is _ABSENT or value is None else one_line(value, _LONGEST)
