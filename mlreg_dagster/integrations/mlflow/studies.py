"""Finished studies with their trials, and sweeps, as runs with runs under them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mlreg_dagster.core.times import read_time
from mlreg_dagster.integrations.mlflow.content import OWN, SUBJECT, Dataset, History, Point, Run
from mlreg_dagster.integrations.mlflow.values import LONGEST_TAG, milliseconds, numbers_of, params_of, text_of
from mlreg_dagster.models.tuning.record import COMPLETE, PRUNED, STUDIES, Study, Trial, read_study, study_names
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.storage.artifacts import ArtifactStore

_STATUS = {COMPLETE: "FINISHED", PRUNED: "KILLED"}


@dataclass(frozen=True)
class Mirrored:
    """A run of the mirror."""

    subject: str
    run: Run
    history: History


def study_runs(store: ArtifactStore) -> Iterator[Mirrored]:
    """Each finished study, and under it its trials."""
    for name in study_names(store):
        found = store.find(STUDIES, name)
        study = read_study(store, name)
        yield _study_run(study, found.sha256 if found else "")
        for trial in study.trials:
            yield _trial_run(study, trial)


def _study_run(study: Study, sha256: str) -> Mirrored:
    subject, end = _study_subject(study), milliseconds(read_time(study.finished_at))
    best = study.best_trial
    measured = {
        each.figure: {name: getattr(each, name) for name in ("tuned", "default", "difference", "low", "high")}
        for each in study.measured
    }
    facts: dict[str, Any] = {
        "best": best.value if best else None,
        "trials": len(study.trials),
        "pruned_share": study.pruned_share,
        "seconds": study.seconds,
        "measured": measured,
        "importance": study.importance,
    }
    metrics = dict(numbers_of(facts))
    verdicts = {f"{OWN}verdict.{each.figure}": f"{each.verdict}: {each.reason}" for each in study.measured}
    return Mirrored(
        subject,
        Run(
            name=f"study {study.name}",
            status="FINISHED",
            end=end,
            params={
                SUBJECT: subject,
                f"{OWN}artifact_sha256": sha256,
                **params_of(
                    {
                        "model": study.model,
                        "detector": study.detector,
                        "seed": study.seed,
                        "settings": study.settings,
                        "space": study.space,
                        "planting_seeds": study.planting_seeds,
                        "measured_seeds": study.measured_seeds,
                    }
                ),
            },
            metrics=metrics,
            tags={
                f"{OWN}result": text_of(study.result, LONGEST_TAG),
                f"{OWN}best_trial": "none" if study.best is None else str(study.best),
                **{name: text_of(words, LONGEST_TAG) for name, words in verdicts.items()},
            },
            datasets=frozenset({_dataset_of(study)}),
        ),
        _history(study, end, metrics),
    )


def _trial_run(study: Study, trial: Trial) -> Mirrored:
    end = milliseconds(read_time(study.finished_at))
    facts = {name: getattr(trial, name) for name in ("value", "planted", "worth", "seconds")}
    metrics = dict(numbers_of(facts))
    points: dict[str, tuple[Point, ...]] = {name: (Point(value, 0, end),) for name, value in metrics.items()}
    if trial.steps:
        metrics["objective"] = float(trial.steps[-1])
        points["objective"] = tuple(Point(float(value), step, end) for step, value in enumerate(trial.steps))
    subject = f"{_study_subject(study)}/{trial.number}"
    run = Run(
        name=f"{study.name} trial {trial.number}",
        status=_STATUS.get(trial.state, "FAILED"),
        end=end,
        params={SUBJECT: subject, **params_of(trial.params)},
        metrics=metrics,
        tags={f"{OWN}state": trial.state},
        parent=_study_subject(study),
    )
    return Mirrored(subject, run, History(_start(study, end), points))


def _history(study: Study, end: int, metrics: dict[str, float]) -> History:
    return History(_start(study, end), {name: (Point(value, 0, end),) for name, value in metrics.items()})


def _start(study: Study, end: int) -> int:
    return end - timedelta(seconds=study.seconds) // timedelta(milliseconds=1)


def _study_subject(study: Study) -> str:
    return f"study {study.name}"


def _dataset_of(study: Study) -> Dataset:
    sha256 = study.dataset_sha256
    return Dataset(f"training_dataset {study.dataset_day}", sha256[:36], f"sha256:{sha256}", "tuning")


def sweep_subject(name: str) -> str:
    """The subject of the run above those of the versions of a sweep."""
    return f"sweep {name}"


def sweep_runs(versions: Iterable[ModelVersion]) -> list[Mirrored]:
    """Each sweep that versions came from, to stand above them."""
    first: dict[str, ModelVersion] = {}
    for version in versions:
        if sweep := version.manifest.get("sweep"):
            first.setdefault(sweep["name"], version)
    return [
        Mirrored(
            sweep_subject(name),
            Run(
                name=f"sweep {name}",
                status="FINISHED",
                end=milliseconds(version.created_at),
                params={SUBJECT: sweep_subject(name), "of": str(version.manifest["sweep"].get("of", ""))},
                metrics={},
                tags={},
            ),
            History(milliseconds(version.created_at)),
        )
        for name, version in first.items()
    ]
