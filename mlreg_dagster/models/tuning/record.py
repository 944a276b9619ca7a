"""What a finished study found: an immutable record in the artifact store, which is read without Optuna."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.json_values import plain
from mlreg_dagster.storage.artifacts import Artifact, ArtifactStore

STUDIES = "studies"
"""The kind of the artifacts; the key of one is the name of the study."""

COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
"""States of a trial. One is failed where its process was killed or raised; another trial then repeats it."""

FORMAT = 1
_FILE = "study.json"


class NoStudy(MlregError):
    """There is no finished study of that name, or its record can't be read."""


@dataclass(frozen=True)
class Trial:
    """One set of parameters that was tried.

    Attributes:
        number: From 0 on; trial 0 is the default, the model file as it is.
        params: What the trial set, by its place in the model file: `params.n_estimators`, `whiten`, ….
        state: `complete`, `pruned` or `failed`.
        value: The objective; that of the last step for a pruned trial, None for a failed one.
        planted: Average precision at planted anomalies, over the steps that were reached.
        worth: Share of the flagged rows that crashes followed, over the folds that were reached; None where no fold
            that was reached has a crash.
        steps: The objective after each step, as the pruner saw it.
        seconds: How long it took.
    """

    number: int
    params: dict[str, Any]
    state: str
    value: float | None
    planted: float | None
    worth: float | None
    steps: tuple[float, ...]
    seconds: float | None


@dataclass(frozen=True)
class Measured:
    """Tuned against default in one figure, on days and planting seeds that tuning never saw.

    Attributes:
        figure: `planted` (average precision) or `worth` (precision at the flag budget).
        tuned: Of the best trial.
        default: Of the model file as it is.
        difference: Tuned minus default.
        low: Lower end of its interval; None where it can't be told.
        high: The upper end.
        verdict: `better`, `worse` or `not distinguishable`: the tuned one.
        reason: Why that is the verdict.
    """

    figure: str
    tuned: float | None
    default: float | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: str
    reason: str


@dataclass(frozen=True)
class Fold:
    """Hours to train on, and later ones to judge by; hours are in ISO 8601, ends are exclusive.

    Attributes:
        train_first: The first hour of training.
        train_end: Its end.
        test_first: The first hour that is judged, at least an embargo later.
        test_end: Its end.
    """

    train_first: str
    train_end: str
    test_first: str
    test_end: str


@dataclass(frozen=True)
class Study:
    """A finished study.

    Attributes:
        name: Unique; the key of its artifact.
        model: The model file that was tuned, without `.yaml`.
        detector: Of that file.
        default: The settings of that file, as they were.
        dataset_day: Of the dataset before whose holdout all hours of the study lie.
        dataset_sha256: Of its training dataset.
        seed: Of the sampler.
        settings: Of tuning.yaml, as they were: budgets, weights of the objective, pruning.
        space: What was searched, by place in the model file.
        folds: Of the walk-forward that trials were judged on.
        planting_seeds: Those that trials were judged on.
        measured_folds: Those that tuned and default were compared on.
        measured_seeds: Likewise.
        trials: All of them, in their order.
        best: The number of the best one; None where none is complete.
        measured: Tuned against default; empty where the default is the best.
        importance: The share of each parameter in the variance of the objective (fANOVA); empty with too few trials.
        result: One sentence.
        seconds: From the first trial's start to the last one's end.
        finished_at: When, in ISO 8601.
    """

    name: str
    model: str
    detector: str
    default: dict[str, Any]
    dataset_day: str
    dataset_sha256: str
    seed: int
    settings: dict[str, Any]
    space: dict[str, Any]
    folds: tuple[Fold, ...]
    planting_seeds: tuple[int, ...]
    measured_folds: tuple[Fold, ...]
    measured_seeds: tuple[int, ...]
    trials: tuple[Trial, ...]
    best: int | None
    measured: tuple[Measured, ...]
    result: str
    seconds: float
    finished_at: str
    importance: dict[str, float] = field(default_factory=dict)

    @property
    def best_trial(self) -> Trial | None:
        """The best trial; None where none is complete."""
        return next((trial for trial in self.trials if trial.number == self.best), None)

    @property
    def finished(self) -> tuple[Trial, ...]:
        """The trials that count: complete and pruned ones."""
        return tuple(trial for trial in self.trials if trial.state != FAILED)

    @property
    def pruned_share(self) -> float:
        """The share of the finished trials that were pruned."""
        pruned = sum(trial.state == PRUNED for trial in self.trials)
        return pruned / len(self.finished) if self.finished else 0.0

    def to_json(self) -> str:
        """As JSON; undefined numbers are null."""
        return json.dumps({"format": FORMAT, **plain(self)}, indent=1, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Study":
        """A record from its JSON; keys of later releases are passed over.

        Raises:
            NoStudy: It is no record of a study, or one of a format that this release does not know.
        """
        try:
            values = json.loads(text)
            if values["format"] != FORMAT:
                raise NoStudy(
                    f"This record of a study has format {values['format']}; this release reads format {FORMAT}. "
                    f"Read it with the release that wrote it."
                )
            parts: dict[str, Any] = {
                "folds": tuple(_made(Fold, each) for each in values["folds"]),
                "measured_folds": tuple(_made(Fold, each) for each in values["measured_folds"]),
                "trials": tuple(_made(Trial, {**each, "steps": tuple(each["steps"])}) for each in values["trials"]),
                "measured": tuple(_made(Measured, each) for each in values["measured"]),
                "planting_seeds": tuple(values["planting_seeds"]),
                "measured_seeds": tuple(values["measured_seeds"]),
            }
            made: Study = _made(cls, {**values, **parts})
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise NoStudy(
                f"This is no record of a study: {type(error).__name__}: {error}. Restore it from a backup."
            ) from error
        return made


def _made(kind: Any, values: Mapping[str, Any]) -> Any:
    names = {each.name for each in fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in names})


def write_study(store: ArtifactStore, study: Study) -> Artifact:
    """Freeze the record of a finished study; writing the same one again changes nothing.

    Raises:
        ArtifactFrozen: A study of that name is there with other content.
        InvalidArtifact: The name can't be stored.
    """
    return store.freeze(STUDIES, study.name, {_FILE: study.to_json().encode()})


def read_study(store: ArtifactStore, name: str) -> Study:
    """The record of a finished study, verified.

    Raises:
        NoStudy: There is none of that name, or it can't be read.
        ArtifactTampered: It is not what was frozen.
    """
    if name not in (known := study_names(store)):
        raise NoStudy(f"There is no finished study {name!r}. Finished studies: {', '.join(known) or 'none'}.")
    return Study.from_json(store.read(STUDIES, name)[_FILE])


def study_names(store: ArtifactStore) -> list[str]:
    """The names of all finished studies, in the order of text."""
    return [name for name in store.keys(STUDIES) if store.find(STUDIES, name) is not None]
