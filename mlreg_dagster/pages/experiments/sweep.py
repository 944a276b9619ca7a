"""What the page of a sweep shows: every configuration, held against the base and the baseline."""

from dataclasses import dataclass
from datetime import datetime

from mlreg_dagster.models.sweeps.table import Row, baseline_of, rows_of, sentence_of
from mlreg_dagster.pages.experiments import reading
from mlreg_dagster.pages.models.metrics import metric_picture
from mlreg_dagster.pages.page import NotThere
from mlreg_dagster.pages.pictures import drawn
from mlreg_dagster.pages.source import records
from mlreg_dagster.pages.view import View


@dataclass(frozen=True)
class SweepFacts:
    """A sweep.

    Attributes:
        name: Its name.
        planned_at: When it was planned; None: its plan can't be read.
        dataset_day: Day of the dataset that all are trained on.
        model: The model file that is its base; empty where the plan is in another home.
        of: How many configurations it has beside the base.
        sentence: What it says.
        baseline_average_precision: Of the baseline, a robust z-score, on the features of the base.
        base: The version of the base.
        is_base_trained: Whether it was registered by then.
        versions: Those that were registered by then.
        rows: Every configuration, the base first.
        problem: Why its plan can't be read; None: it can.
    """

    name: str
    planned_at: datetime | None
    dataset_day: str | None = None
    model: str | None = None
    of: int = 0
    sentence: str = ""
    baseline_average_precision: float | None = None
    base: str | None = None
    is_base_trained: bool = False
    versions: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    problem: str | None = None

    @property
    def picture(self) -> str:
        """The differences from the base as Markdown; empty where there are fewer than two."""
        points = tuple(
            (row.version, row.difference, row.low, row.high, 0.0) for row in self.rows if row.difference is not None
        )
        title = "Average precision minus the base's"
        return drawn(metric_picture, title, "", points) if len(points) > 1 else ""


def facts(view: View, name: str) -> SweepFacts:
    """A sweep as of the time of the request.

    Raises:
        NotThere: There is none of this name, or was none then.
    """
    registry = records(view)
    found = reading.sweep(view, name, registry.versions())
    if found is None:
        raise NotThere(f"There is no sweep {name[:80]!r}{' by then' if view.is_past else ''}.")
    plan = found.record
    if plan is None:
        return SweepFacts(name, None, problem=found.problem)
    rows = rows_of(plan, registry)
    return SweepFacts(
        name=name,
        planned_at=plan.planned_at,
        dataset_day=plan.dataset_day,
        model=plan.base.model,
        of=plan.of,
        sentence=sentence_of(rows, view.settings.evaluation.comparison.confidence),
        baseline_average_precision=baseline_of(rows),
        base=plan.base.version,
        is_base_trained=not rows[0].number and is_registered(rows[0]),
        versions=found.versions,
        rows=rows,
    )


def is_registered(row: Row) -> bool:
    """Whether there is a version to look at."""
    return row.state not in ("missing", "taken")
