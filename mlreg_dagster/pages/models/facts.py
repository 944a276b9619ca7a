"""What the page of models shows: versions as of a time, by the filters of the address."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlreg_dagster.governance.standing import standings
from mlreg_dagster.outcomes.worth.newest import newest_worth
from mlreg_dagster.pages.models.metrics import METRICS, Point, metric_picture
from mlreg_dagster.pages.models.rows import ModelRow, WorthOnRecord, model_row, worth_by_version
from mlreg_dagster.pages.page import Unclear
from mlreg_dagster.pages.paging import ListPage, list_page
from mlreg_dagster.pages.pictures import drawn
from mlreg_dagster.pages.view import View

_A_PAGE = 30
_EXPERIMENTS = ("with", "without", "only")


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to; None: everything.

    Attributes:
        detector: A detector.
        trigger: By what trainings were started.
        sweep: A sweep.
        experiment: `with` experiments, `without` any, `only` experiments.
        metric: Which metric is drawn.
    """

    detector: str | None
    trigger: str | None
    sweep: str | None
    experiment: str | None
    metric: str

    def keeps(self, row: ModelRow) -> bool:
        """Whether a version is shown."""
        kinds = {
            None: True,
            "with": row.experiments > 0,
            "without": row.experiments == 0,
            "only": row.experiments > 0 and row.evaluated_at is None,
        }
        chosen = ((self.detector, row.detector), (self.trigger, row.trigger), (self.sweep, row.sweep))
        return all(asked in (None, found) for asked, found in chosen) and kinds[self.experiment]

    @property
    def query(self) -> dict[str, str | None]:
        """The parameters of the address."""
        return {
            "detector": self.detector,
            "trigger": self.trigger,
            "sweep": self.sweep,
            "experiment": self.experiment,
            "metric": self.metric,
        }


@dataclass(frozen=True)
class Models:
    """Versions as of a time.

    Attributes:
        versions: One page of those that the filters keep, the newest first.
        list_page: Which page it is.
        total: How many versions there were.
        filters: What the list is narrowed to.
        detectors: All there are.
        triggers: All there are.
        sweeps: All there are.
        metrics: Name and title of each metric that can be drawn.
        points: The metric over the versions that the filters keep, the oldest first.
        champion_worth: What outcomes say of whichever version was champion; None: no verdict was asked yet.
    """

    versions: tuple[ModelRow, ...]
    list_page: ListPage
    total: int
    filters: Filters
    detectors: tuple[str, ...]
    triggers: tuple[str, ...]
    sweeps: tuple[str, ...]
    metrics: Mapping[str, str]
    points: tuple[Point, ...]
    champion_worth: WorthOnRecord | None

    @property
    def picture(self) -> str:
        """The metric over versions as Markdown; empty where there are fewer than two."""
        metric = METRICS[self.filters.metric]
        return drawn(metric_picture, metric.title, metric.against, self.points) if len(self.points) > 1 else ""


def facts(view: View) -> Models:
    """Versions as of the time of the request.

    Raises:
        Unclear: A filter or a page that there is not.
    """
    worth = worth_by_version(newest_worth(view.tables, view.until))
    rows = [model_row(each, worth.get(each.version.version)) for each in standings(view.registry, view.as_of).versions]
    detectors, triggers = (tuple(sorted({getattr(row, name) for row in rows})) for name in ("detector", "trigger"))
    sweeps = tuple(sorted({row.sweep for row in rows if row.sweep is not None}))
    filters = Filters(
        _chosen(view.query, "detector", detectors),
        _chosen(view.query, "trigger", triggers),
        _chosen(view.query, "sweep", sweeps),
        _chosen(view.query, "experiment", _EXPERIMENTS),
        _chosen(view.query, "metric", METRICS) or next(iter(METRICS)),
    )
    kept = [row for row in rows if filters.keeps(row)]
    shown, place = list_page(kept[::-1], view.query.get("page"), _A_PAGE)
    points = (METRICS[filters.metric].point(row) for row in kept)
    return Models(
        versions=tuple(shown),
        list_page=place,
        total=len(rows),
        filters=filters,
        detectors=detectors,
        triggers=triggers,
        sweeps=sweeps,
        metrics={name: each.title for name, each in METRICS.items()},
        points=tuple(point for point in points if point is not None),
        champion_worth=worth.get("champion"),
    )


def _chosen(query: Mapping[str, str], name: str, known: Iterable[str]) -> str | None:
    """A filter of the address; None where it is not set."""
    value, known = query.get(name) or None, tuple(known)
    if value is not None and value not in known:
        raise Unclear(f"There is no {name} {value!r}. Choose one of: {', '.join(known) or 'none'}.")
    return value
