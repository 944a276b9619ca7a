"""What the page of a study shows: its trials, the best one, and tuned against default."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlreg_dagster.core.json_values import plain
from mlreg_dagster.models.manifests import STUDY
from mlreg_dagster.models.tuning.record import COMPLETE, FAILED, PRUNED, Fold, Measured, Study, Trial
from mlreg_dagster.pages.experiments import reading
from mlreg_dagster.pages.experiments.pictures import Point, study_picture
from mlreg_dagster.pages.page import NotThere, Unclear
from mlreg_dagster.pages.paging import ListPage, list_page
from mlreg_dagster.pages.pictures import drawn
from mlreg_dagster.pages.source import records
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import ModelVersion

_A_PAGE = 50
STATES = (COMPLETE, PRUNED, FAILED)
ORDERS = ("number", "value")


@dataclass(frozen=True)
class VersionOfStudy:
    """A version that a study made, and the trial whose parameters it has."""

    version: str
    trial: int | None


@dataclass(frozen=True)
class StudyFacts:
    """A study.

    Attributes:
        name: Its name.
        finished_at: When it had finished; None: its record can't be read.
        problem: Why it can't be read; None: it can.
        summary: Model file, detector, dataset, seed, counts of trials, seconds, folds and seeds.
        result: One sentence.
        best: The best trial; None where none is complete.
        measured: Tuned against default, on days and seeds that tuning never saw.
        measured_folds: Those days.
        measured_seeds: Those planting seeds.
        space: What was searched.
        settings: Of tuning.yaml, as they were.
        importance: The share of each parameter in the variance of the objective.
        trials: One page of those that the filter keeps.
        list_page: Which page it is.
        state: The state that is shown; None: all.
        order: By `number`, or by `value`, the best first.
        versions: Those that were made of it.
        points: Number, value and state of each trial that has a value.
    """

    name: str
    finished_at: datetime | None
    problem: str | None = None
    summary: Mapping[str, Any] | None = None
    result: str = ""
    best: Trial | None = None
    measured: tuple[Measured, ...] = ()
    measured_folds: tuple[Fold, ...] = ()
    measured_seeds: tuple[int, ...] = ()
    space: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] | None = None
    importance: Mapping[str, float] | None = None
    trials: tuple[Trial, ...] = ()
    list_page: ListPage | None = None
    state: str | None = None
    order: str = ORDERS[0]
    versions: tuple[VersionOfStudy, ...] = ()
    points: tuple[Point, ...] = ()

    @property
    def query(self) -> dict[str, str | None]:
        """The parameters of the address."""
        return {"state": self.state, "order": self.order}

    @property
    def picture(self) -> str:
        """The objective over trials as Markdown; empty where there are fewer than two."""
        return drawn(study_picture, self.points) if len(self.points) > 1 else ""


def facts(view: View, name: str) -> StudyFacts:
    """A study as of the time of the request.

    Raises:
        NotThere: There is none of this name, or had none finished then.
        Unclear: A filter or a page that there is not.
    """
    versions = records(view).versions()
    found = reading.study(view, name, versions)
    if found is None:
        raise NotThere(f"There is no finished study {name[:80]!r}{' by then' if view.is_past else ''}.")
    study = found.record
    if study is None:
        return StudyFacts(name, None, found.problem, versions=_made(found.versions, versions))
    state, order = _chosen(view, "state", STATES), _chosen(view, "order", ORDERS) or ORDERS[0]
    kept = [trial for trial in study.trials if state in (None, trial.state)]
    if order == "value":
        kept.sort(key=lambda trial: (trial.value is None, -(trial.value or 0.0), trial.number))
    shown, place = list_page(kept, view.query.get("page"), _A_PAGE)
    return StudyFacts(
        name=name,
        finished_at=found.at,
        summary=_summary(study),
        result=study.result,
        best=study.best_trial,
        measured=study.measured,
        measured_folds=study.measured_folds,
        measured_seeds=study.measured_seeds,
        space=plain(study.space),
        settings=plain(study.settings),
        importance=dict(sorted(study.importance.items(), key=lambda item: -item[1])),
        trials=tuple(shown),
        list_page=place,
        state=state,
        order=order,
        versions=_made(found.versions, versions),
        points=tuple((trial.number, trial.value, trial.state) for trial in study.trials if trial.value is not None),
    )


def _made(names: Sequence[str], versions: Sequence[ModelVersion]) -> tuple[VersionOfStudy, ...]:
    found = (each for each in versions if each.version in names)
    return tuple(VersionOfStudy(each.version, each.manifest[STUDY].get("trial")) for each in found)


def _summary(study: Study) -> dict[str, Any]:
    return {
        "model file": f"{study.model}.yaml",
        "detector": study.detector.replace("_", " "),
        "dataset": study.dataset_day,
        "trials": len(study.trials),
        "complete": sum(trial.state == COMPLETE for trial in study.trials),
        "pruned": sum(trial.state == PRUNED for trial in study.trials),
        "failed": sum(trial.state == FAILED for trial in study.trials),
        "seed of the sampler": study.seed,
        "seconds": study.seconds,
        "folds that trials were judged on": len(study.folds),
        "planting seeds of trials": ", ".join(map(str, study.planting_seeds)),
    }


def _chosen(view: View, name: str, known: tuple[str, ...]) -> str | None:
    value = view.query.get(name) or None
    if value is not None and value not in known:
        raise Unclear(f"There is no {name} {value!r}. Choose one of: {', '.join(known)}.")
    return value
