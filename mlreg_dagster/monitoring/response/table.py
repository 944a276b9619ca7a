"""The decision table: from the state of the day before and the facts of a day to a state, an action and its alerts.

Sixteen rows, the first that fits decides (docs/decisions/0031). What a state remembers stands in `fold`.
"""

from dataclasses import dataclass, replace
from typing import Literal

from mlreg_dagster.config.sections.drift import ResponseSettings
from mlreg_dagster.monitoring.response.facts import DayFacts

State = Literal["unknown", "stable", "watch", "confirmed", "responding", "cooldown"]
Family = Literal["quality", "data", "concept"]
"""What drifts: the quality of the data, features or predictions, or how right the champion is."""

Training = Literal["none", "under_way", "promoted", "rejected", "failed"]
"""What happened to the training of a cause."""

Action = Literal[
    "none", "retrain", "retrain_on_repaired_data", "refresh_and_retrain", "adapt_threshold", "resolve", "ask_a_person"
]
TRAINS: frozenset[Action] = frozenset({"retrain", "retrain_on_repaired_data", "refresh_and_retrain"})
"""The actions that start a training."""

Severity = Literal["info", "ticket", "page"]
Rule = Literal["data_quality", "drift_unknown", "drift_watch", "drift_confirmed", "training_failed", "champion_worse"]


@dataclass(frozen=True)
class Alert:
    """What people are told: by which rule, and how urgently."""

    rule: Rule
    severity: Severity


@dataclass(frozen=True)
class Situation:
    """What a day is judged by.

    Attributes:
        state: Of the day before; an unknown one is judged like `stable`.
        facts: Of the day.
        is_drift: Drift opened the watch, not the quality of data alone.
        is_repaired: Quality was severe on two days in a row and is ok now, and no training has followed yet.
        is_over: The watch has lasted its days, and the last days were calm.
        days: How many days the state has lasted.
        training: What happened to the training of the cause; it is asked of a state that waits for one.
        is_asked: The training of the cause was asked for, and has no result yet.
        may_train: The budget is not spent, and the cause has had no training.
        unknown_days: Days in a row without enough evidence, this one included.
    """

    state: State
    facts: DayFacts
    is_drift: bool = True
    is_repaired: bool = False
    is_over: bool = False
    days: int = 0
    training: Training = "none"
    is_asked: bool = False
    may_train: bool = True
    unknown_days: int = 0


@dataclass(frozen=True)
class Ruling:
    """What the table says.

    Attributes:
        row: Which row; 0 where none fits and the state stays.
        state: The state from now on.
        family: What drifts; None: as before.
        action: What is done.
        alerts: What people are told.
        protects: The champion is worse and is to be compared with the version before it.
        reason: Why, in a sentence.
    """

    row: int
    state: State
    family: Family | None = None
    action: Action = "none"
    alerts: tuple[Alert, ...] = ()
    protects: bool = False
    reason: str = ""


WATCHED = Alert("drift_watch", "ticket")
CONFIRMED = Alert("drift_confirmed", "ticket")
WORSE = Alert("champion_worse", "ticket")


def judge(given: Situation, settings: ResponseSettings) -> Ruling:
    """The first row that fits.

    Quality is counted exactly and needs no quiet days: a day on which it is not ok is evidence enough.
    """
    facts = given.facts
    if not facts.enough and facts.quality == "ok":
        is_long = given.unknown_days >= settings.unknown_days
        alerts = (Alert("drift_unknown", "info"),) if is_long else ()
        return Ruling(1, "unknown", alerts=alerts, reason="There is too little evidence to judge the day.")
    if given.state == "unknown":
        given = replace(given, state="stable")
    if given.is_repaired and facts.quality == "ok" and facts.differs_from_training:
        why = "Quality was severe on two days in a row and is ok again; rows of training were repaired."
        return _training(Ruling(2, "responding", "quality", "retrain_on_repaired_data", (), reason=why), given)
    if facts.quality != "ok":
        is_severe = facts.quality == "severe"
        row, told = 3 if is_severe else 4, Alert("data_quality", "page" if is_severe else "ticket")
        why = f"The quality of the day's data is {facts.quality}: no training takes it, and thresholds stay."
        return Ruling(row, "watch", "quality", alerts=(told,), reason=why)
    return _judge_drift(given, settings)


def _judge_drift(given: Situation, settings: ResponseSettings) -> Ruling:
    facts, state = given.facts, given.state
    if state == "responding":
        return _judge_training(given)
    if state == "cooldown":
        if given.days < settings.cooldown_days:
            return Ruling(15, "cooldown", alerts=_worse(facts), reason="A version was promoted a few days ago.")
        return Ruling(16, "stable", reason="The days after the promotion are over.")
    if state == "stable" or (state == "watch" and not given.is_drift):
        if facts.fast or facts.slow or facts.concept == "worse":
            family: Family = "data" if facts.fast or facts.slow else "concept"
            why = "The champion is worse." if family == "concept" else "Features or predictions differ from usual."
            return Ruling(5, "watch", family, alerts=(WATCHED, *_worse(facts)), reason=why)
        if state == "watch" and given.is_over and not facts.persistent_days:
            return Ruling(8, "stable", action="resolve", reason="The data have been in order for long enough.")
        return Ruling(0, state)
    if state == "watch" and facts.concept == "worse" and facts.episodes >= settings.min_episodes:
        why = f"The champion is worse on the same rows, by {facts.episodes} crash episodes."
        ruling = Ruling(6, "confirmed", "concept", "retrain", (CONFIRMED, WORSE), protects=True, reason=why)
        return _training(ruling, given)
    if state == "watch" and (facts.persistent_days >= 3 or (facts.slow and facts.persistent_days >= 2)):
        why = f"The drift persists: on {facts.persistent_days} of the last 3 days."
        ruling = Ruling(7, "confirmed", "data", "adapt_threshold", (CONFIRMED, *_worse(facts)), reason=why)
        return _training(replace(ruling, action="refresh_and_retrain"), given) if facts.is_stale else ruling
    is_calm = not (facts.fast or facts.slow or facts.persistent_days or facts.concept == "worse")
    if given.is_over and is_calm:
        return Ruling(8, "stable", action="resolve", reason="Nothing has drifted for long enough.")
    if state == "watch":
        return Ruling(0, "watch", alerts=(WATCHED, *_worse(facts)))
    alerts = (CONFIRMED, *_worse(facts))
    if facts.is_stale:
        why = "The champion's features or sources are stale: they are refreshed before it is trained again."
        return _training(Ruling(9, "responding", None, "refresh_and_retrain", alerts, reason=why), given)
    if given.is_asked or given.days >= settings.chronic_days or facts.concept == "worse":
        why = f"Confirmed for {given.days} days." if given.days >= settings.chronic_days else "The champion is worse."
        why = "Its training was asked for." if given.is_asked else why
        return _training(Ruling(10, "responding", None, "retrain", alerts, reason=why), given)
    why = "Temporary so far: frozen thresholds follow the scores within bounds."
    return Ruling(11, "confirmed", None, "adapt_threshold", alerts, reason=why)


def _judge_training(given: Situation) -> Ruling:
    if given.training in ("none", "under_way"):
        return Ruling(12, "responding", alerts=(CONFIRMED,), reason="The training is under way.")
    if given.training == "promoted":
        return Ruling(13, "cooldown", action="resolve", reason="The version that was trained for it was promoted.")
    left = given.may_train
    alerts = (Alert("training_failed", "ticket" if left else "page"), *((WATCHED,) if given.is_drift else ()))
    ended = "was rejected" if given.training == "rejected" else "failed, or brought no champion in time"
    why = f"The training {ended}; the champion stays."
    return Ruling(14, "watch", action="none" if left else "ask_a_person", alerts=alerts, reason=why)


def _training(ruling: Ruling, given: Situation) -> Ruling:
    """The ruling as it stands, without a second request for the same training, or without a training it may not start.

    Where the budget is spent, or the cause has had its training, a person decides: nothing responds, and what is
    confirmed stays so.
    """
    if given.is_asked:
        return replace(ruling, action="none")
    if given.may_train:
        return ruling
    state: State = "confirmed" if ruling.state == "confirmed" else given.state
    why = f"{ruling.reason} Automation may start no training for it: a person decides."
    rule: Rule = "data_quality" if ruling.family == "quality" else "drift_confirmed"
    alerts = (Alert(rule, "page"), *(each for each in ruling.alerts if each.rule != rule))
    return replace(ruling, state=state, action="ask_a_person", alerts=alerts, reason=why)


def _worse(facts: DayFacts) -> tuple[Alert, ...]:
    return (WORSE,) if facts.concept == "worse" else ()
