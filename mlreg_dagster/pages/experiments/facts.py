"""What the page of experiments shows: studies, sweeps, and evaluations that depart from the configuration in force."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mlreg_dagster.models.sweeps.table import rows_of, sentence_of
from mlreg_dagster.pages.experiments import reading
from mlreg_dagster.pages.page import Unclear
from mlreg_dagster.pages.paging import ListPage, list_page
from mlreg_dagster.pages.source import records
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import ModelVersion, Registry

KINDS = ("study", "sweep", "evaluation")
_A_PAGE = 30
_SHOWN_VERSIONS = 20
_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Experiment:
    """A study, a sweep, or an evaluation.

    Attributes:
        kind: One of `KINDS`.
        name: Of the study or the sweep; `#12` for an evaluation.
        at: When the study had finished, the sweep was planned, the evaluation was recorded; None: it can't be read.
        dataset_day: Day of the dataset, or of the evaluation's holdout.
        sentence: What it says.
        versions: Those that it made, or was of; the first ones of many.
        more_versions: How many further ones there are.
        problem: Why it can't be read; None: it can.
    """

    kind: str
    name: str
    at: datetime | None
    dataset_day: str | None
    sentence: str
    versions: tuple[str, ...]
    more_versions: int = 0
    problem: str | None = None


@dataclass(frozen=True)
class Experiments:
    """Experiments as of a time.

    Attributes:
        experiments: One page of those that the filters keep, the newest first.
        list_page: Which page it is.
        counts: How many there are of each kind.
        kind: The kind that is shown; None: all.
        dataset_day: The day of the dataset that is shown; None: all.
        dataset_days: All there are, the newest first.
    """

    experiments: tuple[Experiment, ...]
    list_page: ListPage
    counts: Mapping[str, int]
    kind: str | None
    dataset_day: str | None
    dataset_days: tuple[str, ...]

    @property
    def query(self) -> dict[str, str | None]:
        """The parameters of the address."""
        return {"kind": self.kind, "dataset": self.dataset_day}


def facts(view: View) -> Experiments:
    """Experiments as of the time of the request.

    Raises:
        Unclear: A filter or a page that there is not.
    """
    registry = records(view)
    versions = registry.versions()
    found = [*_studies(view, versions), *_sweeps(view, registry, versions), *_evaluations(registry, versions)]
    days = tuple(sorted({each.dataset_day for each in found if each.dataset_day}, reverse=True))
    kind, day = _chosen(view.query, "kind", KINDS), _chosen(view.query, "dataset", days)
    kept = [each for each in found if kind in (None, each.kind) and day in (None, each.dataset_day)]
    kept.sort(key=lambda each: (each.at or _FIRST, each.kind, each.name), reverse=True)
    shown, place = list_page(kept, view.query.get("page"), _A_PAGE)
    counts = {each: sum(one.kind == each for one in found) for each in KINDS}
    return Experiments(tuple(shown), place, counts, kind, day, days)


def _studies(view: View, versions: Sequence[ModelVersion]) -> Iterator[Experiment]:
    for each in reading.studies(view, versions):
        if each.record is None:
            yield _experiment("study", each.name, None, None, "", each.versions, each.problem)
        else:
            tried = f"{len(each.record.finished)} trials of {each.record.model}.yaml. {each.record.result}"
            yield _experiment("study", each.name, each.at, each.record.dataset_day, tried, each.versions)


def _sweeps(view: View, registry: Registry, versions: Sequence[ModelVersion]) -> Iterator[Experiment]:
    confidence = view.settings.evaluation.comparison.confidence
    for each in reading.sweeps(view, versions):
        if each.record is None:
            yield _experiment("sweep", each.name, None, None, "", each.versions, each.problem)
        else:
            sentence = sentence_of(rows_of(each.record, registry), confidence)
            yield _experiment("sweep", each.name, each.at, each.record.dataset_day, sentence, each.versions)


def _evaluations(registry: Registry, versions: Sequence[ModelVersion]) -> Iterator[Experiment]:
    for version in versions:
        for each in registry.evaluations(version.version):
            if each.is_experiment:
                result = "All gates passed" if each.passed else "A gate failed"
                sentence = f"{result}, which admits nothing: {'; '.join(each.departures or ())}."
                yield _experiment(
                    "evaluation", f"#{each.id}", each.recorded_at, each.holdout_day, sentence, [version.version]
                )


def _experiment(
    kind: str,
    name: str,
    at: datetime | None,
    day: str | None,
    sentence: str,
    versions: Sequence[str],
    problem: str | None = None,
) -> Experiment:
    shown = tuple(versions[:_SHOWN_VERSIONS])
    return Experiment(kind, name, at, day, sentence, shown, len(versions) - len(shown), problem)


def _chosen(query: Mapping[str, str], name: str, known: Sequence[str]) -> str | None:
    """A filter of the address; None where it is not set."""
    value = query.get(name) or None
    if value is not None and value not in known:
        raise Unclear(f"There is no {name} {value!r}. Choose one of: {', '.join(known) or 'none'}.")
    return value
