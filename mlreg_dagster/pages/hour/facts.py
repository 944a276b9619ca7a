"""One hour of the market: what was sent, what each table holds of it, its checks, flags and outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from mlreg_dagster.core.hours import HOUR, as_hour, as_time
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.outcomes.names import OUTCOMES_TABLE, PREDICTIONS_TABLE, REASONS_TABLE
from mlreg_dagster.pages.hour.marks import Mark, Marks
from mlreg_dagster.pages.hour.payload import Payload, payloads_of
from mlreg_dagster.pages.hour.predicted import Predicted, Predictions, Row, due_at
from mlreg_dagster.pages.hour.reading import Held, frame_of, held, records, stored_between
from mlreg_dagster.pages.page import NotThere
from mlreg_dagster.pages.paging import list_page
from mlreg_dagster.pages.view import View
from mlreg_dagster.verification.answers import CheckExecution

_FEATURES = "market_features"
_ROWS = 50  # of predictions on a page
CHECKED = (MARKET_SNAPSHOT.name, _FEATURES, PREDICTIONS_TABLE, REASONS_TABLE)
"""Assets by hour whose partition of the hour has checks."""


@dataclass(frozen=True)
class Stored:
    """What a table holds of the hour.

    Attributes:
        table: Its name, which is that of its asset.
        partition: The partition that makes these rows.
        rows: How many there are.
        held: Whether a run made it.
    """

    table: str
    partition: pd.Timestamp
    rows: int
    held: Held


@dataclass(frozen=True)
class InstrumentFacts:
    """One instrument in the hour.

    Attributes:
        instrument_id: Which.
        snapshot: Its row of the market; None: there is none.
        features: Its features by name; None: there are none. A value that is None is unknown.
        predictions: Its predictions.
    """

    instrument_id: str
    snapshot: Mapping[str, Any] | None
    features: Mapping[str, Any] | None
    predictions: tuple[Row, ...]


@dataclass(frozen=True)
class HourFacts:
    """An hour, as of a time.

    Attributes:
        hour: Which.
        previous: The hour before; None: the market was not stored yet.
        following: The hour after; None: it is not stored, nor is a later one.
        payloads: What sources sent, the first answers.
        payload_count: How many answers there are.
        source: Which source the rows of the hour are from; None: there are none.
        stored: What each table holds.
        marks: What is remarkable.
        checks: The newest results of the checks of its partitions.
        predicted: Counts by version and ranking.
        due: When the outcomes are due.
        flags: Those with the highest scores, with their reasons.
        flag_count: How many there are.
        rows: Predictions of versions, a page of them.
        row_count: How many there are.
        page: Which page, from 1 on.
        pages: How many there are.
        instrument: The one that the query names; None: none.
        why: Why Dagster could not be asked; None: it could.
    """

    hour: pd.Timestamp
    previous: pd.Timestamp | None
    following: pd.Timestamp | None
    payloads: tuple[Payload, ...]
    payload_count: int
    source: str | None
    stored: tuple[Stored, ...]
    marks: tuple[Mark, ...]
    checks: tuple[CheckExecution, ...]
    predicted: tuple[Predicted, ...]
    due: datetime
    flags: tuple[Row, ...]
    flag_count: int
    rows: tuple[Row, ...]
    row_count: int
    page: int
    pages: int
    instrument: InstrumentFacts | None
    why: str | None


def facts(view: View, hour: str) -> HourFacts:
    """All of it but its blast radius.

    Raises:
        NotAnHour: It is no hour.
        NotThere: It had not begun at the time that is asked about, or no table holds the instrument that is named.
    """
    when = hour_of(view, hour)
    payloads, payload_count = payloads_of(view.home, when, view.as_of)
    predictions = Predictions(view, when)
    flags, flag_count = predictions.flags()
    rows, page = list_page(predictions.scored(), view.query.get("page"), _ROWS)
    checks = [each for asset in CHECKED for each in view.dagster.checks(asset, f"{when:%Y-%m-%d-%H:%M}")]
    name = view.query.get("instrument")
    predicted, ends = predictions.by_version(), stored_between(view)
    in_sample = tuple(_in_sample(each) for each in predicted if each.in_sample and each.role != "ranking")
    return HourFacts(
        hour=when,
        previous=when - HOUR if ends and ends[0] < when <= ends[1] + HOUR else None,
        following=when + HOUR if ends and ends[0] - HOUR <= when < ends[1] else None,
        payloads=payloads,
        payload_count=payload_count,
        source=_source(view, when),
        stored=_stored(view, when),
        marks=(*Marks(view, when, when).of(when, predictions.roles), *in_sample),
        checks=tuple(checks),
        predicted=predicted,
        due=due_at(when, view.settings.outcomes.horizon_hours),
        flags=flags,
        flag_count=flag_count,
        rows=tuple(rows),
        row_count=page.items,
        page=page.number,
        pages=page.count,
        instrument=_instrument(view, when, name, predictions) if name else None,
        why=view.dagster.why,
    )


def hour_of(view: View, text: str) -> pd.Timestamp:
    """The hour that an address names.

    Raises:
        NotAnHour: It is no hour.
        NotThere: It had not begun at the time that is asked about.
    """
    when = as_hour(text)
    if when > as_time(view.as_of):
        raise NotThere(f"{when:%Y-%m-%d %H:%M} UTC had not begun at {view.as_of:%Y-%m-%d %H:%M} UTC.")
    return when


def _in_sample(each: Predicted) -> Mark:
    return Mark("in-sample", f"{each.in_sample} of {each.rows} predictions of {each.version} count in no metric.")


def _source(view: View, hour: pd.Timestamp) -> str | None:
    rows = frame_of(
        view.tables, MARKET_SNAPSHOT.name, "string_agg(DISTINCT source, ', ') AS source", "hour = $hour", {"hour": hour}
    )
    return None if rows.empty or pd.isna(rows["source"].iloc[0]) else str(rows["source"].iloc[0])


def _stored(view: View, hour: pd.Timestamp) -> tuple[Stored, ...]:
    due = hour + view.settings.outcomes.horizon_hours * HOUR
    found = []
    for table, partition in (*((name, hour) for name in CHECKED), (OUTCOMES_TABLE, due)):
        if partition > as_time(view.as_of):
            continue
        counted = frame_of(view.tables, table, "count(*) AS n", "hour = $hour", {"hour": partition})
        rows = 0 if counted.empty else int(counted["n"].iloc[0])
        found.append(Stored(table, partition, rows, held(view.dagster, table, partition, rows)))
    return tuple(found)


def _instrument(view: View, hour: pd.Timestamp, name: str, predictions: Predictions) -> InstrumentFacts:
    asked = {"hour": hour, "name": name}
    snapshot, features = (_row_of(view, table, asked) for table in (MARKET_SNAPSHOT.name, _FEATURES))
    predicted = predictions.of(name)
    if snapshot is None and features is None and not predicted:
        raise NotThere(f"No table holds {name!r} at {hour:%Y-%m-%d %H:%M}. Choose an instrument of the hour's list.")
    return InstrumentFacts(name, snapshot, features, predicted)


def _row_of(view: View, table: str, asked: Mapping[str, object]) -> Mapping[str, Any] | None:
    rows = records(frame_of(view.tables, table, "*", "hour = $hour AND instrument_id = $name", asked))
    return {name: value for name, value in rows[0].items() if name not in ("hour", "instrument_id")} if rows else None
