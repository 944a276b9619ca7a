"""Which families of features a model needs to find anomalies: what it finds less of when one of them is permuted.

Permutation importance (Breiman 2001; Fisher, Rudin and Dominici, "All Models are Wrong, but Many are Useful", JMLR
2019) of whole families, for features that say the same stand in for each other. Measured on the anomalies that are
planted into the holdout; it admits nothing. The reasons for one score are in `outcomes/reasons`.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.freezing import Dataset
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.detectors.making import make_pipeline
from mlreg_dagster.models.detectors.scoring import anomaly_scores
from mlreg_dagster.models.evaluation.rounds import PlantedRound
from mlreg_dagster.models.families import family_of_each
from mlreg_dagster.models.manifests import settings_in
from mlreg_dagster.models.optimisation.making import refitted_alike
from mlreg_dagster.models.training import fit_to, require_dataset, require_enough, rows_to_fit
from mlreg_dagster.storage.artifacts import ArtifactStore

Matrix = NDArray[np.float64]
Score = Callable[[Matrix], Matrix]

IMPORTANCE = "importance"
"""In the metrics of an evaluation."""

REFITS = 3
_NORMAL_ROWS = 1000
_SEED = 2001


class NothingPlanted(MlregError):
    """No anomaly could be planted, so nothing can be found less of."""


@dataclass(frozen=True)
class Importance:
    """What permuting a family of features costs.

    Attributes:
        family: Its name.
        features: Of the model, that belong to it.
        drop: In average precision at finding planted anomalies; below 0 where the model finds more.
        low: Lower end of its confidence interval; None where it can't be told.
        high: The upper end.
    """

    family: str
    features: tuple[str, ...]
    drop: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Importances:
    """The families of a model, the one that costs most first.

    Attributes:
        average_precision: Of the model, on the rows that are permuted.
        rounds: In which anomalies were planted.
        refits: To other rows of the training window, beside the frozen model.
        confidence: Of the intervals.
        remark: Why there are fewer refits than asked for; empty if there are not.
        families: Each with its importance.
    """

    average_precision: float
    rounds: int
    refits: int
    confidence: float
    remark: str
    families: tuple[Importance, ...]

    @property
    def needed(self) -> list[str]:
        """The features of the families whose interval lies above 0."""
        return [name for each in self.families if each.low is not None and each.low > 0 for name in each.features]

    @property
    def facts(self) -> dict[str, Any]:
        """As plain values, for the metrics of an evaluation."""
        return asdict(self)


def measure(
    model: Model,
    holdout: Dataset,
    rounds: Sequence[PlantedRound],
    confidence: float,
    refits: Sequence[Score] = (),
    remark: str = "",
) -> Importances:
    """Permute each family among the rows of the holdout, and count what is found less.

    The planted rows of every round are judged beside one sample of the other rows, which stands for all of them. A
    family's values are drawn from the holdout, jointly, and alike for all refits.

    Args:
        model: The frozen artifact.
        holdout: Its rows are what a permuted row gets its values from.
        rounds: Anomalies planted into it.
        confidence: Of the intervals, over rounds and refits.
        refits: Further models of the same settings.
        remark: Why there are fewer of them than asked for.

    Raises:
        NothingPlanted: There are no rounds.
    """
    if not rounds:
        raise NothingPlanted("No anomaly could be planted into the holdout, so importance can't be measured.")
    families, values = family_of_each(model), _matrix(model, holdout.rows)
    planted = [_matrix(model, each.rows[each.planted]) for each in rounds]
    whole, drops = drops_in_precision([_frozen(model), *refits], values, planted, list(families.values()))
    kinds = np.array([each.kind for each in rounds])
    found = []
    for family, dropped in drops.items():
        members = tuple(name for name, each in families.items() if each == family)
        found.append(Importance(family, members, *mean_with_interval(dropped, kinds, confidence)))
    return Importances(
        average_precision=_by_kind(whole[0], kinds),
        rounds=len(rounds),
        refits=len(refits),
        confidence=confidence,
        remark=remark,
        families=tuple(sorted(found, key=lambda each: -each.drop)),
    )


def drops_in_precision(
    scorers: Sequence[Score], values: Matrix, planted: Sequence[Matrix], groups: Sequence[str]
) -> tuple[Matrix, dict[str, Matrix]]:
    """What models find, and what they find less of when a group of columns is permuted.

    Args:
        scorers: Of the models.
        values: Rows that are not planted, of which a sample is scored; permuted values are drawn from all of them.
        planted: The planted rows of each round.
        groups: That of each column.

    Returns:
        Average precision, models x rounds; and for each group how much lower it is.
    """
    rng = np.random.default_rng(_SEED)
    normal = values[np.sort(rng.choice(len(values), min(_NORMAL_ROWS, len(values)), replace=False))]
    rows, weight = np.concatenate([normal, *planted]), len(values) / len(normal)
    whole = np.array([_found(score(rows), len(normal), planted, weight) for score in scorers])
    drops = {}
    for group in dict.fromkeys(groups):
        changed = permuted(rows, values, groups, group)
        drops[group] = whole - np.array([_found(score(changed), len(normal), planted, weight) for score in scorers])
    return whole, drops


def permuted(rows: Matrix, values: Matrix, groups: Sequence[str], group: str) -> Matrix:
    """Rows whose columns of a group come, jointly, from other rows.

    Args:
        rows: What is changed.
        values: The rows that values are drawn from, each time the same ones.
        groups: That of each column.
        group: Which columns.
    """
    donors = np.random.default_rng([_SEED, crc32(group.encode())]).integers(len(values), size=len(rows))
    return np.where(np.array([each == group for each in groups]), values[donors], rows)


def of_evaluation(
    model: Model, store: ArtifactStore, holdout: Dataset, rounds: Sequence[PlantedRound], confidence: float, refits: int
) -> dict[str, dict[str, Any]]:
    """`importance` as an evaluation records it; nothing where nothing could be planted."""
    if not rounds:
        return {}
    return {IMPORTANCE: measure_with_refits(model, store, holdout, rounds, confidence, refits).facts}


def measure_with_refits(
    model: Model, store: ArtifactStore, holdout: Dataset, rounds: Sequence[PlantedRound], confidence: float, refits: int
) -> Importances:
    """Measure the frozen model and its settings, fitted again to rows drawn with replacement from its dataset.

    What can't be refitted is said in the remark, and the interval is that over rounds alone.
    """
    scorers, remark = list[Score](), ""
    try:
        scorers = _refitted(model, freezing.load(store, freezing.TRAINING, model.manifest["dataset_day"]), refits)
    except (MlregError, ValueError, TypeError) as error:  # the frozen model can be measured all the same
        remark = f"Not refitted: {error}" if refits else ""
    return measure(model, holdout, rounds, confidence, scorers, remark)


def _refitted(model: Model, training: Dataset, count: int) -> list[Score]:
    """Raises CannotTrain where the dataset is another one, or its rows are too few."""
    require_dataset(model.manifest, training)
    chosen = settings_in(model.manifest)
    rows, rng, scorers = rows_to_fit(training, chosen), np.random.default_rng(_SEED), list[Score]()
    for _ in range(count):
        part, pipeline = rows.iloc[np.sort(rng.integers(len(rows), size=len(rows)))], make_pipeline(chosen)
        matrix = _matrix(model, part)
        require_enough(matrix, pipeline, training)
        pipeline = refitted_alike(fit_to(pipeline, part, model.features, training), model.manifest, matrix)
        scorers.append(lambda matrix, pipeline=pipeline: anomaly_scores(pipeline, matrix))  # type: ignore[misc]
    return scorers


def _frozen(model: Model) -> Score:
    return lambda matrix: model.score(pd.DataFrame(matrix, columns=model.features))


def _matrix(model: Model, rows: pd.DataFrame) -> Matrix:
    return model.select(rows)[model.features].to_numpy(dtype=np.float64)


def _found(scores: Matrix, normal: int, planted: Sequence[Matrix], weight: float) -> list[float]:
    """Average precision of each round; each normal row stands for `weight` rows of the holdout."""
    from sklearn.metrics import average_precision_score

    found, at = [], normal
    for rows in planted:
        values = np.concatenate([scores[:normal], scores[at : at + len(rows)]])
        truth = np.arange(len(values)) >= normal
        found.append(float(average_precision_score(truth, values, sample_weight=np.where(truth, 1.0, weight))))
        at += len(rows)
    return found


def _by_kind(values: Matrix, kinds: NDArray[Any]) -> float:
    """Every kind of anomaly counts alike."""
    return float(np.mean([values[kinds == kind].mean() for kind in np.unique(kinds)]))


def mean_with_interval(
    drops: Matrix, kinds: NDArray[Any], confidence: float
) -> tuple[float, float | None, float | None]:
    """The mean of models x rounds, with Student's interval: what rounds of a kind and what refits differ by add up."""
    from scipy.stats import t

    by_round, each = drops.mean(axis=0), [_by_kind(row, kinds) for row in drops]
    counts = [int(np.sum(kinds == kind)) for kind in np.unique(kinds)]
    mean, fewest = _by_kind(by_round, kinds), min([*counts, *([len(each)] if len(each) > 1 else [])])
    if fewest < 2:
        return mean, None, None
    of_rounds = sum(float(np.var(by_round[kinds == kind], ddof=1)) / np.sum(kinds == kind) for kind in np.unique(kinds))
    of_refits = float(np.var(each, ddof=1)) / len(each) if len(each) > 1 else 0.0
    reach = float(t.ppf((1 + confidence) / 2, fewest - 1)) * float(np.sqrt(of_rounds / len(counts) ** 2 + of_refits))
    return mean, mean - reach, mean + reach
