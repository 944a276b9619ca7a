"""What the arms and the decision table make of a market's days: states and when they begin."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import ResponseSettings
from mlreg_dagster.monitoring.drift.statistics.arms import WEEK, Limits, Standing, log_odds, stand
from mlreg_dagster.monitoring.drift.statistics.features import flags
from mlreg_dagster.monitoring.response.facts import DayFacts
from mlreg_dagster.monitoring.response.fold import fold
from mlreg_dagster_tests.monitoring.panels import FAMILIES, NAMES, START

SHORT, WANDERS = flags(NAMES, FAMILIES)


def standing(statistics: NDArray[np.float64], limits: Limits) -> Standing:
    """Every day of a market against its quiet days; all hours are there."""
    days = len(statistics)
    everyday, never = np.ones(days, dtype=bool), np.zeros(days, dtype=bool)
    return stand(log_odds(statistics.reshape(days, -1)), everyday, never, np.repeat(WANDERS, 2), limits)


def facts_of(found: Standing, first: int, limits: Limits) -> list[DayFacts]:
    """The facts of the days from `first` on; data are in order and outcomes say nothing."""
    days = len(found.z)
    innovation = np.nan_to_num(np.abs(found.innovation))
    short = np.nan_to_num(found.z).reshape(days, -1, 2)[:, SHORT]
    peak = np.abs(short).max(axis=(1, 2))
    weekly = [np.abs(short[max(day - WEEK + 1, 0) : day + 1].mean(axis=0)).max() for day in range(days)]
    fast, slow, lasting = (innovation > limits.fast).any(axis=1), peak > limits.slow, peak > limits.persistent
    return [
        DayFacts(
            day=(START + pd.Timedelta(days=day)).date(),
            quality="ok",
            fast=bool(fast[day]),
            slow=bool(slow[day - 2 : day + 1].sum() >= 2 or weekly[day] > limits.week),
            persistent_days=int(lasting[day - 2 : day + 1].sum()),
            peak=float(peak[day]),
            concept="unknown",
            episodes=0,
            is_stale=False,
            enough=bool(found.enough[day]),
            differs_from_training=False,
            champion="v1",
            reasons=(),
        )
        for day in range(first, days)
    ]


@dataclass(frozen=True)
class Course:
    """The decisions about a market.

    Attributes:
        watched: Days (from 1) on which a watch or more began, out of stable.
        confirmed: Days on which a drift was confirmed.
        trained: Days on which a training was asked for.
    """

    watched: list[int]
    confirmed: list[int]
    trained: list[int]


def course(statistics: NDArray[np.float64], first: int, limits: Limits) -> Course:
    """Fold the days from `first` on; every training ends in a promotion on the next day."""
    facts = facts_of(standing(statistics, limits), first, limits)
    decisions = list(fold(facts, lambda _, __: "promoted", ResponseSettings()))
    calm = ("stable", "unknown", "cooldown")
    states = ["stable", *(each.state for each in decisions)]
    pairs = list(enumerate(pairwise(states), 1))
    return Course(
        watched=[day for day, (before, now) in pairs if before in calm and now not in calm],
        confirmed=[day for day, (before, now) in pairs if now == "confirmed" and before != "confirmed"],
        trained=[day for day, each in enumerate(decisions, 1) if each.trains],
    )
