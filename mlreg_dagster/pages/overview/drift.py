"""How the four families of drift stood at the end of the newest day, in a word and a sentence each."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from mlreg_dagster.monitoring.alerts.decisions import TABLE, DecidedDay
from mlreg_dagster.monitoring.names import CONCEPT_TABLE, PREDICTION_TABLE
from mlreg_dagster.storage.warehouse.reader import Tables, moment


@dataclass(frozen=True)
class FamilyState:
    """A family of drift at the end of a day.

    Attributes:
        family: Which.
        state: As its table says it.
        is_good: False: it drifts; None: not known.
        sentence: What was found; empty where there is nothing to tell.
        day: Of which day.
    """

    family: Literal["data quality", "features", "predictions", "concept"]
    state: str
    is_good: bool | None
    sentence: str
    day: datetime


def families_of(tables: Tables, decided: DecidedDay | None, until: datetime | None) -> tuple[FamilyState, ...]:
    """The families of the newest decision; none where no day was judged.

    Args:
        tables: Where they are.
        decided: The newest decision.
        until: Days that ended later do not count; None: all do.
    """
    return tuple(_families(tables, decided, until)) if decided is not None else ()


def _families(tables: Tables, decided: DecidedDay, until: datetime | None) -> Iterator[FamilyState]:
    ((stored,),) = tables.rows(f"SELECT facts FROM {TABLE} WHERE day = {moment(decided.day)}")  # noqa: S608 - our own
    facts = json.loads(stored)
    yield FamilyState("data quality", facts["quality"], facts["quality"] == "ok", "", decided.day)
    drifts = facts["fast"] or facts["slow"]
    is_known = facts["peak"] is not None  # `enough` holds where another family alone could be judged, too
    yield FamilyState(
        "features",
        "drifting" if drifts else "stable" if is_known else "unknown",
        False if drifts else True if is_known else None,
        "; ".join(facts["reasons"]),
        decided.day,
    )
    good = {"within": True, "outside": False, "same": True, "worse": False}
    measured = (
        ("predictions", PREDICTION_TABLE, "state", "is_newest"),
        ("concept", CONCEPT_TABLE, "verdict", "decides"),
    )
    for family, table, column, which in measured:
        if (found := _newest(tables, table, column, which, until)) is not None:
            day, state, sentence = found
            yield FamilyState(family, state, good.get(state), sentence, day)  # type: ignore[arg-type]


def _newest(
    tables: Tables, table: str, column: str, which: str, until: datetime | None
) -> tuple[datetime, str, str] | None:
    if not tables.has(table, ("day", column, which, "sentence")):
        return None
    known = "" if until is None else f" AND day + INTERVAL 24 HOUR <= {moment(until)}"
    rows = tables.rows(
        f"SELECT CAST(epoch(day) AS BIGINT), {column}, sentence FROM {table} "  # noqa: S608 - our own names
        f"WHERE {which}{known} ORDER BY day DESC LIMIT 1"
    )
    return None if not rows else (datetime.fromtimestamp(rows[0][0], UTC), rows[0][1], rows[0][2])
