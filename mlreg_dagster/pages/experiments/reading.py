"""Reads the plans of sweeps and the records of studies that were there at the time that is asked about.

A version that came from another home names a sweep or a study that this home does not hold. Of such a sweep the
versions that are here are shown, of such a study that its record is not here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.times import read_time
from mlreg_dagster.models.manifests import STUDY, SWEEP, name_in
from mlreg_dagster.models.sweeps.plan import SWEEPS, Plan, plan_of_versions, read_plan
from mlreg_dagster.models.tuning.record import STUDIES, Study, read_study, study_names
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import ModelVersion

T = TypeVar("T")


@dataclass(frozen=True)
class Found(Generic[T]):
    """What lies under a name.

    Attributes:
        name: Its name.
        at: When it was planned, or had finished; None: it can't be read.
        record: What it holds; None: it can't be read.
        problem: Why it can't be read.
        versions: Those that it made, as far as they are here.
    """

    name: str
    at: datetime | None
    record: T | None
    problem: str | None
    versions: tuple[str, ...]


def sweeps(view: View, versions: Sequence[ModelVersion]) -> list[Found[Plan]]:
    """All sweeps that were planned by then."""
    return _all(view.artifacts.keys(SWEEPS), SWEEP, versions, lambda name: sweep(view, name, versions))


def studies(view: View, versions: Sequence[ModelVersion]) -> list[Found[Study]]:
    """All studies that had finished by then."""
    return _all(view.artifacts.keys(STUDIES), STUDY, versions, lambda name: study(view, name, versions))


def sweep(view: View, name: str, versions: Sequence[ModelVersion]) -> Found[Plan] | None:
    """A sweep; None: there is none of this name, or was none then.

    Args:
        view: What is asked about.
        name: Of the sweep.
        versions: All that were registered by then.
    """
    made = _made(name, SWEEP, versions)
    try:
        plan = read_plan(view.artifacts, name)
    except MlregError as error:  # a damaged one is shown as such, whenever it was made
        return Found(name, None, None, str(error), _names(made))
    if plan is None and made:
        plan = plan_of_versions(name, made)
    return (
        None if plan is None or plan.planned_at > view.as_of else Found(name, plan.planned_at, plan, None, _names(made))
    )


def study(view: View, name: str, versions: Sequence[ModelVersion]) -> Found[Study] | None:
    """A study; likewise."""
    made = _made(name, STUDY, versions)
    if name not in study_names(view.artifacts):
        problem = "The record of this study is not in this home, only versions that came from it."
        return Found(name, None, None, problem, _names(made)) if made else None
    try:
        record = read_study(view.artifacts, name)
        at = read_time(record.finished_at)
    except MlregError as error:
        return Found(name, None, None, str(error), _names(made))
    return None if at > view.as_of else Found(name, at, record, None, _names(made))


def _all(
    stored: Sequence[str], origin: str, versions: Sequence[ModelVersion], read: Callable[[str], Found[T] | None]
) -> list[Found[T]]:
    named = {name for each in versions if (name := name_in(each.manifest, origin)) is not None}
    return [found for name in sorted({*stored, *named}) if (found := read(name)) is not None]


def _made(name: str, origin: str, versions: Sequence[ModelVersion]) -> list[ModelVersion]:
    return [each for each in versions if name_in(each.manifest, origin) == name]


def _names(versions: Sequence[ModelVersion]) -> tuple[str, ...]:
    return tuple(each.version for each in versions)
