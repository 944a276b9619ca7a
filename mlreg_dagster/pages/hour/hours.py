"""All hours of the market by day: what each table holds of them, what was predicted, and their marks."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlreg_dagster.core.hours import HOUR, as_hour, as_time, hour_range
from mlreg_dagster.market.names import CRASH, UNRESOLVED
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.outcomes.names import OUTCOMES_TABLE, PREDICTIONS_TABLE
from mlreg_dagster.pages.hour.marks import Mark, Marks
from mlreg_dagster.pages.hour.reading import Held, frame_of, held, stored_between
from mlreg_dagster.pages.paging import list_page
from mlreg_dagster.pages.view import View

DAYS = 7
"""On a page."""

_ASKED = 48  # hours without rows of which Dagster is asked; a market that is closed at night has many
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class HourLine:
    """An hour in the list.

    Attributes:
        hour: Which.
        held: What `market_snapshot` holds of it.
        snapshot: Its rows there.
        features: Its rows in `market_features`.
        predictions: Of the champion.
        flagged: Of these.
        in_sample: Of these, those that count in no metric.
        crashes: Of these, those that a crash followed.
        unresolved: Of these, those whose outcome can't be told.
        open: Of these, those without an outcome so far.
        marks: What is remarkable.
    """

    hour: pd.Timestamp
    held: Held
    snapshot: int
    features: int
    predictions: int
    flagged: int
    in_sample: int
    crashes: int
    unresolved: int
    open: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class DayLines:
    """A day of the list.

    Attributes:
        day: Its midnight.
        ended: Whether it is over, so that its drift can be judged.
        quality: The worst of its measures; None: it was not judged, or not yet.
        hours: The newest first.
    """

    day: pd.Timestamp
    ended: bool
    quality: str | None
    hours: tuple[HourLine, ...]


@dataclass(frozen=True)
class HoursFacts:
    """The hours of some days, the newest first.

    Attributes:
        days: Those of the page.
        page: Which page, from 1 on.
        pages: How many there are.
        day: The day that is asked about; None: all.
        first: The first hour that has rows; None: none has.
        last: The last one.
        why: Why Dagster could not be asked about hours without rows; None: it could.
    """

    days: tuple[DayLines, ...]
    page: int
    pages: int
    day: str | None
    first: pd.Timestamp | None
    last: pd.Timestamp | None
    why: str | None


def facts(view: View) -> HoursFacts:
    """The hours of a page of days, or of the day that the query names."""
    if (ends := stored_between(view)) is None:
        return HoursFacts((), 1, 1, None, None, None, view.dagster.why)
    first, last = ends
    newest, oldest = last.floor("D"), first.floor("D")
    pages = -(-((newest - oldest).days + 1) // DAYS)
    if asked := view.query.get("day"):
        newest = oldest = as_hour(asked).floor("D")
        number = pages = 1
    else:
        _, page = list_page(range(pages), view.query.get("page"), 1)
        number = page.number
        newest -= (number - 1) * DAYS * _DAY
    days = _days(view, max(newest - (DAYS - 1) * _DAY, oldest), newest, last)
    return HoursFacts(days, number, pages, asked or None, first, last, view.dagster.why)


def _days(view: View, oldest: pd.Timestamp, newest: pd.Timestamp, last: pd.Timestamp) -> tuple[DayLines, ...]:
    hours = hour_range(oldest, min(newest + 23 * HOUR, last))
    if hours.empty:
        return ()
    counts, marks = _counts(view, hours), Marks(view, oldest, newest)
    empty = [hour for hour in hours[::-1] if not counts.at[hour, "snapshot"]][:_ASKED]
    rows = dict(zip(hours, counts.to_dict("records"), strict=True))
    known = {hour: held(view.dagster, MARKET_SNAPSHOT.name, hour, 0) for hour in empty}
    found = []
    for day in pd.date_range(oldest, newest, freq="D")[::-1]:
        own = hour_range(max(day, hours[0]), min(day + 23 * HOUR, hours[-1]))[::-1]
        lines = []
        for hour in own:
            row: dict[str, Any] = {str(name): value for name, value in rows[hour].items()}
            state: Held = "rows" if row["snapshot"] else known.get(hour, "not known")
            scored_by = {CHAMPION} if row["predictions"] else set()
            lines.append(HourLine(hour=hour, held=state, **row, marks=marks.of(hour, scored_by)))
        judged = [each["quality"] for each in marks.quality.get(f"{day:%Y-%m-%d}", ())]
        worst = next((each for each in ("severe", "bad", "ok") if each in judged), None)
        found.append(DayLines(day, day + _DAY <= as_time(view.as_of), worst, tuple(lines)))
    return tuple(found)


def _counts(view: View, hours: pd.DatetimeIndex) -> pd.DataFrame:
    asked = {"first": hours[0], "last": hours[-1]}
    own, by_hour = "hour BETWEEN $first AND $last", "GROUP BY hour"
    predicted = (
        "count(*) AS predictions, count(*) FILTER (is_anomaly) AS flagged, count(*) FILTER (in_sample) AS in_sample"
    )
    outcomes = (
        f"prediction_hour, count(*) AS determined, count(*) FILTER (outcome = '{CRASH}') AS crashes, "
        f"count(*) FILTER (outcome = '{UNRESOLVED}') AS unresolved"
    )
    due = f"role = '{CHAMPION}' AND hour BETWEEN $first AND $until AND prediction_hour BETWEEN $first AND $last"
    parts = [
        frame_of(view.tables, MARKET_SNAPSHOT.name, "hour, count(*) AS snapshot", f"{own} {by_hour}", asked),
        frame_of(view.tables, "market_features", "hour, count(*) AS features", f"{own} {by_hour}", asked),
        frame_of(
            view.tables, PREDICTIONS_TABLE, f"hour, {predicted}", f"{own} AND role = '{CHAMPION}' {by_hour}", asked
        ),
        frame_of(
            view.tables, OUTCOMES_TABLE, outcomes, f"{due} GROUP BY prediction_hour", asked | {"until": view.as_of}
        ).rename(columns={"prediction_hour": "hour"}),
    ]
    names = ["snapshot", "features", "predictions", "flagged", "in_sample", "crashes", "unresolved", "determined"]
    found = pd.DataFrame(0, index=hours, columns=names)
    for part in parts:
        if not part.empty:
            found.update(part.set_index("hour"))
    found = found.astype(int)
    return found.assign(open=found["predictions"] - found["determined"]).drop(columns="determined")
