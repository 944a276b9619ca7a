"""Reads the plans of sweeps and the records of studies that were there at the time that is asked about."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.times import read_time
from mlreg_dagster.models.sweeps.plan import SWEEPS, NotASweep, Plan, read_plan
from mlreg_dagster.models.tuning.record import STUDIES, Study, read_study
from mlreg_dagster.pages.view import View

T = TypeVar("T")


@dataclass(frozen=True)
class Found(Generic[T]):
    """What lies under a name.

    Attributes:
        name: Its name.
        at: When it was planned, or had finished; None: it can't be read.
        record: What it holds; None: it can't be read.
        problem: Why it can't be read.
    """

    name: str
    at: datetime | None
    record: T | None
    problem: str | None = None


def sweeps(view: View) -> list[Found[Plan]]:
    """All sweeps that were planned by then."""
    return _all(view, SWEEPS, lambda name: sweep(view, name))


def studies(view: View) -> list[Found[Study]]:
    """All studies that had finished by then."""
    return _all(view, STUDIES, lambda name: study(view, name))


def sweep(view: View, name: str) -> Found[Plan] | None:
    """A sweep; None: there is none of this name, or was none then."""

    def read() -> tuple[Plan, datetime]:
        plan = read_plan(view.artifacts, name)
        if plan is None:
            raise NotASweep(f"There is no sweep {name}.")
        return plan, plan.planned_at

    return _found(view, name, read)


def study(view: View, name: str) -> Found[Study] | None:
    """A study; likewise."""

    def read() -> tuple[Study, datetime]:
        record = read_study(view.artifacts, name)
        return record, read_time(record.finished_at)

    return _found(view, name, read)


def _all(view: View, kind: str, read: Callable[[str], Found[T] | None]) -> list[Found[T]]:
    return [found for name in view.artifacts.keys(kind) if (found := read(name)) is not None]


def _found(view: View, name: str, read: Callable[[], tuple[T, datetime]]) -> Found[T] | None:
    """What lies there; a damaged one is shown as such, whenever it was made."""
    try:
        record, at = read()
    except MlregError as error:
        return Found(name, None, None, str(error))
    return None if at > view.as_of else Found(name, at, record)
