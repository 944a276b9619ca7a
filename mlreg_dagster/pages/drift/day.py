"""One day of drift: its decision, and every number of the four families."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlreg_dagster.core.hours import as_hour, as_time
from mlreg_dagster.evidence.weekly.sections import records
from mlreg_dagster.monitoring.drift.schema import CONCEPT_DRIFT, DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT
from mlreg_dagster.monitoring.response.stored import DRIFT_DECISIONS
from mlreg_dagster.pages import source
from mlreg_dagster.pages.drift.facts import STATISTICS, DecisionFacts, decision_of, tables_of
from mlreg_dagster.pages.page import NotThere, Unclear
from mlreg_dagster.pages.view import View

_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class DriftDay:
    """A day.

    Attributes:
        day: Its midnight.
        previous: The day before; None: no earlier day was judged.
        following: The day after; None: no later day was judged.
        decision: What was decided; None: the day was not judged.
        quality: Its measures with their limits.
        features: Its features, the farthest from quiet days first; those without enough evidence last.
        predictions: The champions' flagged shares against their limits.
        concept: The champion against its opponents.
    """

    day: pd.Timestamp
    previous: pd.Timestamp | None
    following: pd.Timestamp | None
    decision: DecisionFacts | None
    quality: tuple[Mapping[str, Any], ...]
    features: tuple[Mapping[str, Any], ...]
    predictions: tuple[Mapping[str, Any], ...]
    concept: tuple[Mapping[str, Any], ...]


def facts(view: View, day: str) -> DriftDay:
    """All of a day.

    Raises:
        NotAnHour: It is no time.
        Unclear: It is an hour of a day.
        NotThere: The day had not ended at the time that is asked about.
    """
    midnight = as_hour(day)
    if midnight != midnight.floor("D"):
        raise Unclear(f"{day} is no day. Write one, as 2026-01-05.")
    if midnight + _DAY > as_time(view.as_of):
        raise NotThere(f"{midnight:%Y-%m-%d} had not ended at {view.as_of:%Y-%m-%d %H:%M} UTC.")
    tables = tables_of(view)
    decided = records(tables.read(DRIFT_DECISIONS, midnight, midnight))
    quality, features, predictions, concept = (
        tables.read(table, midnight, midnight)
        for table in (DATA_QUALITY_DRIFT, FEATURE_DRIFT, PREDICTION_DRIFT, CONCEPT_DRIFT)
    )
    size = features[list(STATISTICS)].abs().max(axis=1)
    features = features.assign(size=size).sort_values(["size", "feature"], ascending=[False, True]).drop(columns="size")
    judged = tables.partitions(DRIFT_DECISIONS)
    return DriftDay(
        day=midnight,
        previous=midnight - _DAY if len(judged) and judged[0] < midnight <= judged[-1] + _DAY else None,
        following=midnight + _DAY if len(judged) and judged[0] - _DAY <= midnight < judged[-1] else None,
        decision=decision_of(source.records(view), decided[0]) if decided else None,
        quality=_rows(quality),
        features=_rows(features),
        predictions=_rows(predictions),
        concept=_rows(concept),
    )


def _rows(found: pd.DataFrame) -> tuple[Mapping[str, Any], ...]:
    return tuple(records(found.drop(columns="day")))
