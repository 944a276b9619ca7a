"""Lists of features held against all of them: fitted again on each fold, judged on the same rows and anomalies."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config import ModelSettings
from mlreg_dagster.config.sections.evaluation import ComparisonSettings
from mlreg_dagster.models.evaluation.planted import precision_difference
from mlreg_dagster.models.evaluation.rounds import found_by_kind, mean_over_kinds
from mlreg_dagster.models.evaluation.statistics import Chance, Verdict
from mlreg_dagster.models.folds.fitting import fit_fold
from mlreg_dagster.models.folds.material import Fold
from mlreg_dagster.models.importance import mean_with_interval

Scores = NDArray[np.float64]
Note = Callable[[str], object]


@dataclass(frozen=True)
class Ablation:
    """A list of features, held against all of them.

    Attributes:
        name: Which list.
        features: How many there are in it.
        average_precision: At finding planted anomalies, by the seed of the model file.
        difference: That minus the one of all features; None of all features themselves.
        low: Lower end of its interval, what other training seeds change included; None where it can't be told.
        high: The upper end.
        verdict: Whether the list finds more than all, less, or is not told apart.
        worth: Share of crashes among what is flagged, the mean over folds; None where no crash is known.
        worth_difference: That minus the one of all features.
        worth_low: Lower end of its interval over folds and seeds.
        worth_high: The upper end.
    """

    name: str
    features: int
    average_precision: float
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: Verdict | None = None
    worth: float | None = None
    worth_difference: float | None = None
    worth_low: float | None = None
    worth_high: float | None = None


@dataclass(frozen=True)
class _Found:
    """What fits on one list found: scores of each round by the first seed, and figures of every seed."""

    scores: list[Scores]
    precisions: list[float]
    worths: NDArray[np.float64]

    @property
    def chance(self) -> list[Chance]:
        if len(self.precisions) < 2:
            return []
        return [Chance(float(np.std(self.precisions, ddof=1)), len(self.precisions) - 1)]


@dataclass(frozen=True)
class Judged:
    """What lists are judged on.

    Attributes:
        folds: Of the training days.
        model: What is fitted.
        settings: Of the intervals, and how many further training seeds show what chance does.
    """

    folds: Sequence[Fold]
    model: ModelSettings
    settings: ComparisonSettings

    def found(self, features: Sequence[str]) -> _Found:
        """Fit a list on each fold, with each seed, and score what lies after it."""
        by_seed, worths = [], []
        for seed in range(1 + self.settings.refits):
            scores: list[Scores] = []
            worth: list[float] = []
            for fold in self.folds:
                changed = {"features": tuple(features), "seed": self.model.seed + seed}
                fitted = fit_fold(self.model.model_copy(update=changed), fold)
                scores += fitted.score_rounds(fold.rounds)
                flagged = fitted.worth(fold, self.model.flagging.budget)
                worth += [] if flagged is None else [flagged]
            by_seed.append(scores)
            worths.append(worth)
        rounds = [each for fold in self.folds for each in fold.rounds]
        precisions = [mean_over_kinds(found_by_kind(rounds, each)) for each in by_seed]
        return _Found(by_seed[0], precisions, np.array(worths, dtype=np.float64))


def ablate(judged: Judged, lists: Mapping[str, Sequence[str]], note: Note) -> Iterator[Ablation]:
    """Hold each list against the first.

    Args:
        judged: Folds and settings.
        lists: Features by name; the first has all of them.
        note: Called with each list.
    """
    rounds = [each for fold in judged.folds for each in fold.rounds]
    whole: _Found | None = None
    for name, features in lists.items():
        note(f"ablation: {name}")
        found = judged.found(features)
        worth = float(found.worths.mean()) if found.worths.size else None
        if whole is None:
            whole = found
            yield Ablation(name, len(features), found.precisions[0], worth=worth)
            continue
        chances = [*found.chance, *whole.chance]
        told = precision_difference(rounds, found.scores, whole.scores, judged.settings, chances=chances)
        of_worth: tuple[float | None, float | None, float | None] = (None, None, None)
        if worth is not None:
            kinds = np.array(["crash"] * found.worths.shape[1])
            of_worth = mean_with_interval(found.worths - whole.worths, kinds, judged.settings.confidence)
        yield Ablation(
            name,
            len(features),
            found.precisions[0],
            told.difference,
            told.low,
            told.high,
            told.verdict,
            worth,
            *of_worth,
        )
