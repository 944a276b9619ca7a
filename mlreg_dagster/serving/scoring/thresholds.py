"""The threshold by which an answer flags: that of the newest hour, or what the training rows say."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

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
        of_hour: That of the newest hour that the version scored, where one is known: by it the hourly predictions
            flagged. It differs from a frozen threshold while that one is moved during a drift.
    """
    return training_threshold(model) if of_hour is None else of_hour


def training_threshold(model: ServedModel) -> Threshold:
    """The threshold by the training rows alone."""
    return Threshold(model.training_threshold, model.policy.policy, None, "training")
