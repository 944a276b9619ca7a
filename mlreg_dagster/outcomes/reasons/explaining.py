"""Explains the scores of a model's rows: the families of features that raised each most, and what they show.

Which rows are explained, and where reasons are kept, is in `of_hours`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.families import family_of_each
from mlreg_dagster.outcomes.names import REMAINDER
from mlreg_dagster.outcomes.reasons.shapley import MOST_FAMILIES, Matrix, shares
from mlreg_dagster.outcomes.schema import PREDICTION_REASONS

_FURTHER = "further"
"""The family of what is beyond the most families that can be told apart."""


@dataclass(frozen=True)
class Usual:
    """What is usual in a model's training rows: the background of its reasons, frozen in its bundle.

    Attributes:
        medians: Of each feature.
        spreads: Of each feature: the robust deviation, or the standard deviation where that is zero.
    """

    medians: Matrix
    spreads: Matrix


def usual_of(model: Model) -> Usual:
    """The medians and spreads that the baseline of every bundle has learned from the training rows."""
    impute, scale, detector = (step for _, step in model.baseline.steps)
    robust = np.where(np.isfinite(detector.scale_), detector.scale_, 1.0)
    return Usual(np.asarray(impute.statistics_, dtype=np.float64), np.asarray(scale.scale_ * robust, dtype=np.float64))


def family_names(model: Model) -> list[str]:
    """The family of each of the model's features, in its order; a feature that is not described is one by itself."""
    named = list(family_of_each(model).values())
    kept = list(dict.fromkeys(named))[: MOST_FAMILIES - 1]
    return [name if name in kept else _FURTHER for name in named]


def explain(model: Model, rows: pd.DataFrame, settings: ReasonSettings) -> pd.DataFrame:
    """The reasons for the score of each row.

    Args:
        model: The version that scores.
        rows: Rows of `market_features`.
        settings: How many families are named, and how many orders are walked.

    Returns:
        Rows of PREDICTION_REASONS, ordered by key: the families that raised the score most, then the remainder.

    Raises:
        FeatureMismatch: The rows lack features that the model was trained on.
        OtherFeatureSettings: The rows were computed with other settings than the model learned from.
    """
    if rows.empty:
        return PREDICTION_REASONS.empty()
    selected = model.select(rows)
    scores, values = model.score(selected), selected.to_numpy(dtype=np.float64)
    usual, named = usual_of(model), family_names(model)
    families = list(dict.fromkeys(named))
    numbers = np.array([families.index(name) for name in named])
    version = str(model.manifest["version"])
    seeds = [
        f"{version} {hour:%Y-%m-%dT%H} {instrument}"
        for hour, instrument in zip(rows["hour"], rows["instrument_id"], strict=True)
    ]
    found = shares(
        lambda matrix: model.score(pd.DataFrame(matrix, columns=model.features)),
        values,
        scores,
        usual.medians,
        numbers,
        seeds,
        settings.pairs,
    )
    named_count = min(settings.families, len(families))
    ranked = np.argsort(-found.values, axis=1, kind="stable")[:, :named_count]
    strongest = _strongest(values, usual, numbers, ranked)
    count, places = named_count + 1, np.arange(len(rows))[:, None]
    share = np.empty((len(rows), count))
    share[:, :named_count] = found.values[places, ranked]
    rest = scores - found.background
    for rank in range(named_count):
        rest = rest - share[:, rank]
    share[:, named_count] = rest
    names = np.array([*families, REMAINDER], dtype=object)
    family = names[np.column_stack([ranked, np.full(len(rows), len(families))])]
    feature = np.full((len(rows), count), None, dtype=object)
    feature[:, :named_count] = np.array(model.features, dtype=object)[strongest]
    value, median = np.full((2, len(rows), count), np.nan)
    value[:, :named_count] = values[places, strongest]
    median[:, :named_count] = usual.medians[strongest]
    keys = rows[["hour", "instrument_id"]].take(np.repeat(np.arange(len(rows)), count)).reset_index(drop=True)
    frame = keys.assign(
        model_version=version,
        rank=np.tile(np.arange(1, count + 1), len(rows)),
        family=pd.Series(family.ravel(), dtype="str"),
        share=share.ravel(),
        feature=pd.Series(feature.ravel(), dtype="str"),
        value=value.ravel(),
        training_median=median.ravel(),
        score_at_medians=found.background,
    )
    return frame[list(PREDICTION_REASONS.columns)].sort_values(list(PREDICTION_REASONS.key), ignore_index=True)


def _strongest(values: Matrix, usual: Usual, families: NDArray[np.intp], ranked: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of each row's ranked families, the feature that lies the most spreads from its training median."""
    distance = np.abs(values - usual.medians) / usual.spreads
    distance = np.where(np.isnan(distance), -1.0, distance)  # a null lies nowhere
    beyond = np.where(families == ranked[:, :, None], distance[:, None, :], -np.inf)
    return np.asarray(beyond.argmax(axis=2))
