"""The facts of a day, from the rows of the four tables."""

from collections.abc import Callable, Sequence
from typing import cast

import pandas as pd

from mlreg_dagster.config import Settings
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.monitoring.drift.families import concept, feature, quality
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.monitoring.drift.statistics.arms import WEEK, Limits
from mlreg_dagster.monitoring.response.facts import Concept, DayFacts, Quality
from mlreg_dagster.registry import Registry
from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_DAY = pd.Timedelta(days=1)
_OF_DAYS = 3
_REACH = 2 * WEEK  # days within which a market that closes has a week of days


def facts_of_day(
    day: pd.Timestamp,
    rows: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame],
    champion: str | None,
    limits: Limits,
) -> DayFacts | None:
    """What is known of a day; None: the market was closed.

    Args:
        day: Its midnight.
        rows: Of DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT and CONCEPT_DRIFT; of other days than the day and
            those before it nothing matters.
        champion: At the end of the day.
        limits: Of the arms.
    """
    data, features, predictions, concepts = rows
    own = data[data["day"] == day]
    if own.empty:
        return None
    week = sorted(data.loc[data["day"] <= day, "day"].unique())[-WEEK:]
    last = week[-_OF_DAYS:]
    arms = feature.arms_of(features[features["day"].isin(last)], limits)
    judged = predictions[predictions["is_newest"]].set_index("day")
    outside = set(judged.index[judged["state"] == "outside"])
    is_known = day in arms.index and bool(arms.loc[day, "enough"])
    all_week = feature.reason_of_week(features[features["day"].isin(week)], limits) if is_known else ""
    lasting = set(arms.index[arms["peak"] > limits.persistent]) | outside
    verdict, episodes, why = concept.verdict_of(concepts[concepts["day"] == day])
    level = cast("Quality", quality.worst_of(own))
    reasons = quality.reasons_of(own)
    if day in arms.index and arms.loc[day, "reason"]:
        reasons.append(str(arms.loc[day, "reason"]))
    reasons += [all_week] if all_week else []
    if day in outside:
        reasons.append(str(judged.loc[day, "sentence"]))
    peak = float(arms["peak"][day]) if is_known else None
    return DayFacts(
        day=day.date(),
        quality=level,
        fast=(is_known and bool(arms.loc[day, "fast"])) or day in outside,
        slow=sum(bool(arms.loc[each, "slow"]) for each in last if each in arms.index) >= _OF_DAYS - 1 or bool(all_week),
        persistent_days=sum(each in lasting for each in last),
        peak=None if peak is None or pd.isna(peak) else peak,
        concept=cast("Concept", verdict),
        episodes=episodes,
        is_stale=bool(own["is_stale"].iloc[0]),
        enough=is_known or level != "ok" or day in judged.index[judged["state"] != "unknown"],
        differs_from_training=bool(own["differs_from_training"].iloc[0]),
        champion=champion,
        reasons=(*reasons, *why),
    )


def facts_reader(settings: Settings) -> "Callable[[Warehouse, Registry, pd.DatetimeIndex], Sequence[DayFacts]]":
    """What reads the facts of days out of the tables; days on which the market was closed are left out."""
    limits = feature.limits_of(settings.drift.detection)

    def facts_of(tables: Warehouse, registry: Registry, days: pd.DatetimeIndex) -> list[DayFacts]:
        first = days[0] - _REACH * _DAY
        four = (DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT, CONCEPT_DRIFT)
        data, features, predictions, concepts = (tables.read(each, first, days[-1]) for each in four)
        found = []
        for day in days:
            move = registry.holder(CHAMPION, as_of=(day + _DAY).to_pydatetime())
            champion = None if move is None else move.version
            facts = facts_of_day(day, (data, features, predictions, concepts), champion, limits)
            found += [] if facts is None else [facts]
        return found

    return facts_of
