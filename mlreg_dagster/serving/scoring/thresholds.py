"""The threshold by which an answer flags: that of the newest hour, or what the training rows say."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from mlreg_dagster.config import FROZEN
from mlreg_dagster.serving.scoring.model import ServedModel


@dataclass(frozen=True)
class Threshold:
    """What scores are compared with; a row is an anomaly where its score is above it.

    Attributes:
        value: The threshold.
        policy: The flag policy of the version.
        hour: The hour that it is of; None where it is of the training rows.
        source: `hour`: the hourly predictions used it; `training`: the frozen threshold, or the quantile of the
            training scores above which the budget's share lies.
    """

    value: float
    policy: str
    hour: datetime | None
    source: Literal["hour", "training"]


def threshold_of(model: ServedModel, of_hour: Threshold | None) -> Threshold:
    """The threshold of a version's answers.

    Args:
        model: The version.
        of_hour: That of the newest hour that the version scored, where one is known. A frozen threshold needs none.
    """
    if model.policy.policy == FROZEN.policy or of_hour is None:
        return training_threshold(model)
    return of_hour


def training_threshold(model: ServedModel) -> Threshold:
    """The threshold by the training rows alone."""
    policy, quantiles, value = model.policy, model.training_quantiles, model.frozen_threshold
    if policy.policy != FROZEN.policy and quantiles is not None:
        budget = policy.budget
        if policy.policy == "top_k" and policy.k is not None and model.rows_an_hour:
            budget = min(policy.k / model.rows_an_hour, 1.0)
        value = float(np.interp(1 - budget, model.levels, quantiles))
    return Threshold(value, policy.policy, None, "training")
