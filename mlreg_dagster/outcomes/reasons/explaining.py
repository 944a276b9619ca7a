"""Explains the scores of a model's rows: the families of features that raised each most, and what they show.

Which rows are explained, and where reasons are kept, is in `of_hours`; the arithmetic is in `attribution`.
"""

import numpy as np
import pandas as pd

from mlreg_dagster.config.sections.outcomes import ReasonSettings
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.models.families import family_of_each
from mlreg_dagster.models.usual import Usual, learned
from mlreg_dagster.outcomes.names import REMAINDER
from mlreg_dagster.outcomes.reasons.attribution import attribute, row_id, told_apart
from mlreg_dagster.outcomes.schema import PREDICTION_REASONS


def usual_of(model: Model) -> Usual:
    """The background of the model's reasons."""
    return learned(model.baseline)


def family_names(model: Model) -> list[str]:
    """The family of each of the model's features, in its order; a feature that is not described is one by itself."""
    return told_apart(list(family_of_each(model).values()))


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
    usual, version = usual_of(model), str(model.manifest["version"])
    found = attribute(
        lambda matrix: model.score(pd.DataFrame(matrix, columns=model.features)),
        values,
        scores,
        usual,
        family_names(model),
        version,
        [row_id(hour, instrument) for hour, instrument in zip(rows["hour"], rows["instrument_id"], strict=True)],
        settings,
    )
    named, count, places = found.ranked.shape[1], found.shares.shape[1], np.arange(len(rows))[:, None]
    names = np.array([*found.families, REMAINDER], dtype=object)
    family = names[np.column_stack([found.ranked, np.full(len(rows), len(found.families))])]
    feature = np.full((len(rows), count), None, dtype=object)
    feature[:, :named] = np.array(model.features, dtype=object)[found.strongest]
    value, median = np.full((2, len(rows), count), np.nan)
    value[:, :named] = values[places, found.strongest]
    median[:, :named] = usual.medians[found.strongest]
    keys = rows[["hour", "instrument_id"]].take(np.repeat(np.arange(len(rows)), count)).reset_index(drop=True)
    frame = keys.assign(
        model_version=version,
        rank=np.tile(np.arange(1, count + 1), len(rows)),
        family=pd.Series(family.ravel(), dtype="str"),
        share=found.shares.ravel(),
        feature=pd.Series(feature.ravel(), dtype="str"),
        value=value.ravel(),
        training_median=median.ravel(),
        score_at_medians=found.background,
    )
    return frame[list(PREDICTION_REASONS.columns)].sort_values(list(PREDICTION_REASONS.key), ignore_index=True)
