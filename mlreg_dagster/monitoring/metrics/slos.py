"""Service level objectives: how old or how late something may be, and whether it is. Pure; times are arguments."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

State = Literal["met", "missed", "unknown"]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Objective:
    """What is promised.

    Attributes:
        name: As metrics name it.
        rule: The alert that fires where it is missed.
        at_most: How old or late the thing may be.
        about: What is measured, in words.
    """

    name: str
    rule: str
    at_most: timedelta
    about: str


PREDICTIONS = Objective(
    "predictions", "predictions_late", 2 * HOUR, "from the end of the newest hour that was predicted until now"
)
OUTCOMES = Objective(
    "outcomes", "outcomes_late", HOUR, "from the end of the hour in which the oldest open prediction came due until now"
)
DRIFT = Objective(
    "drift_evaluated", "drift_late", 3 * HOUR, "from the end of the oldest day that was not examined until now"
)
FOUND = Objective(
    "drift_found", "drift_found_late", DAY, "from the end of the day on which a drift began to its discovery"
)
RETRAINING = Objective(
    "retraining", "retraining_late", 4 * HOUR, "from the request of a training to the evaluation of its version"
)

OBJECTIVES = (PREDICTIONS, OUTCOMES, DRIFT, FOUND, RETRAINING)


@dataclass(frozen=True)
class Level:
    """How an objective stands.

    Attributes:
        objective: Which.
        measured: How old or late the thing is; None where there is nothing to measure.
        subject: What it is measured of.
        text: In a sentence.
        since: Since when it is missed, where that does not change as it goes on.
    """

    objective: Objective
    measured: timedelta | None
    subject: str
    text: str
    since: datetime | None = None

    @property
    def state(self) -> State:
        """Whether it is met."""
        if self.measured is None:
            return "unknown"
        return "met" if self.measured <= self.objective.at_most else "missed"


def predictions_level(newest: datetime | None, now: datetime) -> Level:
    """How old the predictions are.

    Args:
        newest: The newest hour that was predicted; None where none was.
        now: The current time.
    """
    if newest is None:
        return Level(PREDICTIONS, None, "predictions", "No hour was predicted yet.")
    age = now - (newest + HOUR)
    text = (
        f"The newest predicted hour, {newest:%Y-%m-%d %H:%M}, ended {_words(age)} ago; at most "
        f"{_words(PREDICTIONS.at_most)} is promised."
    )
    return Level(PREDICTIONS, age, "predictions", text)


def outcomes_level(newest: datetime | None, horizon: timedelta, now: datetime) -> Level:
    """How late the outcomes are: that of a prediction is due an hour after its horizon has passed.

    Args:
        newest: The newest hour at which outcomes came due and were determined; None where none was.
        horizon: Of a prediction.
        now: The current time.
    """
    if newest is None:
        return Level(OUTCOMES, None, "prediction_outcomes", "No outcome was due yet.")
    oldest_without = newest - horizon + HOUR
    late = now - (oldest_without + horizon + HOUR)
    text = (
        f"The oldest prediction without an outcome is of {oldest_without:%Y-%m-%d %H:%M}, whose horizon passed "
        f"{_words(max(late, timedelta()))} ago; its outcome is promised within {_words(OUTCOMES.at_most)}."
    )
    return Level(OUTCOMES, late, "prediction_outcomes", text)


def drift_level(newest: datetime | None, now: datetime) -> Level:
    """How late the daily examination for drift is.

    Args:
        newest: The beginning of the newest day that was examined; None where none was.
        now: The current time.
    """
    if newest is None:
        return Level(DRIFT, None, "drift_decision", "No day was examined for drift yet.")
    late = now - (newest + 2 * DAY)
    text = (
        f"The newest day that was examined for drift is {newest:%Y-%m-%d}; the next one is promised "
        f"{_words(DRIFT.at_most)} after its end, which is {_words(late)} ago."
        if late > timedelta()
        else f"The newest day that was examined for drift is {newest:%Y-%m-%d}; the next one has not ended."
    )
    return Level(DRIFT, late, "drift_decision", text)


@dataclass(frozen=True)
class Found:
    """A drift that was found.

    Attributes:
        subject: Which.
        began: The beginning of the day on which it began.
        found_at: When it was on record.
        can_be_found: Whether its size lets it be found in a day.
    """

    subject: str
    began: datetime
    found_at: datetime
    can_be_found: bool


def found_levels(found: Iterable[Found]) -> list[Level]:
    """How late each drift was found; of one that is too small for a day nothing is promised."""
    levels = []
    for each in found:
        took = each.found_at - (each.began + DAY)
        text = (
            f"{each.subject}, which began on {each.began:%Y-%m-%d}, was found {_words(took)} after the end of that day"
        )
        promised = f"; at most {_words(FOUND.at_most)} is promised." if each.can_be_found else ", as its size allows."
        levels.append(Level(FOUND, took if each.can_be_found else None, each.subject, text + promised, each.began))
    return levels


@dataclass(frozen=True)
class Training:
    """A training that was asked for.

    Attributes:
        subject: The key of its cause.
        asked_at: When.
        evaluated_at: When its version was evaluated; None where it was not.
        is_over: Whether it has failed, so that nothing is to come.
    """

    subject: str
    asked_at: datetime
    evaluated_at: datetime | None
    is_over: bool = False


def training_levels(trainings: Iterable[Training], now: datetime) -> list[Level]:
    """How long each training took or takes; of one that failed `training_failed` tells."""
    levels = []
    for each in trainings:
        took = None if each.is_over and each.evaluated_at is None else (each.evaluated_at or now) - each.asked_at
        done = "was evaluated after" if each.evaluated_at else "is not evaluated after"
        text = (
            f"The training for {each.subject}, asked for {each.asked_at:%Y-%m-%d %H:%M}, {done} {_words(took)}; at "
            f"most {_words(RETRAINING.at_most)} is promised."
            if took is not None
            else f"The training for {each.subject} failed."
        )
        levels.append(Level(RETRAINING, took, each.subject, text, each.asked_at))
    return levels


def _words(span: timedelta) -> str:
    hours = span / HOUR
    return f"{hours * 60:.0f} min" if abs(hours) < 1 else f"{hours:.1f} h".replace(".0 h", " h")
