"""Checks of stored snapshots, as plain findings; `checks` shows them to Dagster."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlreg_dagster.config import ConfigError, IngestSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.storage.warehouse.tables import InvalidRows, Table

_SEEN = ["hour", "instrument_id", "price"]

SNAPSHOT_CHECKS = {
    "schema": "The stored rows fit the catalogue: columns, types, ranges.",
    "uniqueness": "One row an instrument and hour.",
    "completeness": "Few values are unknown in each of the columns that the configuration names.",
    "plausible_prices": "Few prices moved further within an hour, or since they were last seen, than is plausible.",
    "adjusted_prices": "No price has jumped, since it was last seen, by a factor that looks like a split.",
    "universe_size": "Each hour holds enough of the configured universe.",
    "freshness": "The newest hour is recent, unless the market has ended; older hours that are filled in on purpose "
    "don't count as stale.",
}


@dataclass(frozen=True)
class Finding:
    """The result of one check: verdict, reason, and the number behind it if there is one."""

    passed: bool
    text: str
    value: float | None = None


def require_known_columns(settings: IngestSettings) -> None:
    """Refuse settings that ask for columns which a snapshot does not have; they would be found unknown for ever.

    Raises:
        ConfigError: There is no such column.
    """
    unknown = [name for name in settings.checks.completeness_columns if name not in MARKET_SNAPSHOT.columns]
    if unknown:
        raise ConfigError(
            f"ingest.yaml: checks.completeness_columns: market_snapshot has no column {', '.join(unknown)}; allowed "
            f"are {', '.join(MARKET_SNAPSHOT.columns)}."
        )


def check_snapshots(
    pieces: Iterable[pd.DataFrame],
    hours: pd.DatetimeIndex,
    settings: IngestSettings,
    before: pd.DataFrame | None = None,
) -> dict[str, Finding]:
    """Every check on the stored rows of `hours`, except freshness.

    Args:
        pieces: The rows, cut between hours so that not all have to be in memory at once.
        hours: What they are the rows of.
        settings: The thresholds.
        before: hour, instrument_id and price of earlier rows, from which the first moves are measured.
    """
    counted = []
    seen = _last_seen(MARKET_SNAPSHOT.empty() if before is None else before)
    for rows in pieces:
        counted.append(_count(rows, seen, settings))
        seen = _last_seen(pd.concat([seen, rows[_SEEN]]))
    total = sum(each.rows for each in counted)
    duplicates = sum(each.duplicates for each in counted)
    return {
        "schema": first_failure([each.schema for each in counted], f"{total} rows fit."),
        "uniqueness": Finding(duplicates == 0, f"{duplicates} rows are there more than once.", duplicates),
        "completeness": _check_completeness(counted, total, settings),
        "plausible_prices": _check_prices(counted, total, settings),
        "adjusted_prices": _check_jumps(counted, settings),
        "universe_size": _check_universe(counted, hours, settings),
    }


def check_schema(table: Table, rows: pd.DataFrame) -> Finding:
    """Whether stored rows still fit the catalogue."""
    try:
        table.validate(rows)
    except InvalidRows as error:
        return Finding(False, str(error))
    return Finding(True, f"{len(rows)} rows fit.")


def first_failure(findings: Iterable[Finding], else_text: str) -> Finding:
    """What the same check found on the pieces of a range: all must pass."""
    return next((each for each in findings if not each.passed), Finding(True, else_text))


def check_freshness(
    newest: pd.Timestamp | None, now: pd.Timestamp, hours: pd.DatetimeIndex, settings: IngestSettings
) -> Finding:
    """Whether the newest stored hour is recent, the run filled in the past on purpose, or the market has ended."""
    if newest is None:
        return Finding(False, "No hour is stored yet.")
    if settings.has_ended(now):
        until, last = (f"{hour:%Y-%m-%d %H:%M}" for hour in (newest, settings.last_hour))
        return Finding(True, f"The market ended with {last}: no hour is to come. The newest that is stored: {until}.")
    age = (now - (newest + HOUR)) / HOUR
    allowed = settings.checks.max_age_hours
    if age <= allowed:
        return Finding(True, f"The newest hour ended {age:.1f} h ago; allowed are {allowed} h.", age)
    if hours[-1] < newest:
        return Finding(True, f"Past hours were filled in; the newest one ended {age:.1f} h ago.", age)
    return Finding(False, f"The newest hour ended {age:.1f} h ago; allowed are {allowed} h.", age)


@dataclass(frozen=True)
class _Count:
    """What the checks need to know of a piece.

    Attributes:
        rows: Their number.
        schema: Whether they fit.
        duplicates: Rows that are there more than once.
        known: For each column that is to be complete, its values.
        implausible: Prices that moved too far.
        furthest: The row of the one that moved furthest, if there is one.
        jumps: Rows whose price looks like a split against the one last seen.
        by_hour: Rows of each hour that has any.
    """

    rows: int
    schema: Finding
    duplicates: int
    known: "pd.Series[int]"
    implausible: int
    furthest: pd.DataFrame
    jumps: pd.DataFrame
    by_hour: "pd.Series[int]"


def _count(rows: pd.DataFrame, seen: pd.DataFrame, settings: IngestSettings) -> _Count:
    moves = _moves(rows, seen)
    checks = settings.checks
    wild = moves[moves["move_pct"].abs() > checks.max_abs_change_1h_pct]
    factor = moves["price"] / moves["price_before"]
    jumps = moves[np.maximum(factor, 1 / factor) >= checks.max_jump_factor]
    return _Count(
        rows=len(rows),
        schema=check_schema(MARKET_SNAPSHOT, rows),
        duplicates=int(rows.duplicated(["hour", "instrument_id"]).sum()),
        known=rows.reindex(columns=list(checks.completeness_columns)).notna().sum(),
        implausible=len(wild),
        furthest=wild.loc[wild["move_pct"].abs().nlargest(1).index],
        jumps=jumps,
        by_hour=rows["hour"].value_counts(),
    )


def _last_seen(rows: pd.DataFrame) -> pd.DataFrame:
    """The newest price of each instrument."""
    known = rows.loc[rows["price"] > 0, _SEEN]
    return known.sort_values("hour").groupby("instrument_id", as_index=False).tail(1)


def _moves(rows: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Each price with the one last seen of its instrument, and how far it moved: since then, or as its row says."""
    columns = [*_SEEN, "change_1h_pct"]
    both = (
        pd.concat([seen, rows.loc[rows["price"] > 0, columns]]) if len(seen) else rows.loc[rows["price"] > 0, columns]
    )
    both = both.sort_values(["instrument_id", "hour"], kind="stable", ignore_index=True)
    before = both.groupby("instrument_id")[["hour", "price"]].shift()
    both = both.assign(hour_before=before["hour"], price_before=before["price"])
    since = (both["price"] / both["price_before"] - 1.0) * 100.0
    stated = both["change_1h_pct"]
    return both.assign(move_pct=since.where(~(stated.abs() >= since.abs()) & since.notna(), stated))


def _check_completeness(counted: list[_Count], total: int, settings: IngestSettings) -> Finding:
    if not total:
        return Finding(settings.checks.allow_empty_hours, "No rows.")
    known = pd.concat([each.known for each in counted], axis=1).sum(axis=1) / total
    least = float(known.min())
    wanted = settings.checks.completeness
    text = f"Least known is {known.idxmin()}: {least:.1%} of its values; asked are {wanted:.1%}."
    return Finding(least >= wanted, text, least)


def _check_prices(counted: list[_Count], total: int, settings: IngestSettings) -> Finding:
    limit = settings.checks.max_abs_change_1h_pct
    wild = sum(each.implausible for each in counted)
    share = wild / max(total, 1)
    text = f"{wild} of {total} prices moved more than {limit:g} % within an hour or since they were last seen."
    if wild:
        furthest = pd.concat([each.furthest for each in counted])
        worst = furthest.iloc[int(furthest["move_pct"].abs().to_numpy().argmax())]
        text += f" The furthest: {worst.instrument_id} {worst.move_pct:+.1f} % at {worst.hour:%Y-%m-%d %H:%M}."
    return Finding(share <= settings.checks.max_implausible_share, text, share)


def _check_jumps(counted: list[_Count], settings: IngestSettings) -> Finding:
    jumps = pd.concat([each.jumps for each in counted]) if counted else pd.DataFrame()
    limit = settings.checks.max_jump_factor
    text = f"{len(jumps)} prices are {limit:g} times the one last seen or more, or as small a part of it."
    if len(jumps):
        first = jumps.sort_values(["hour", "instrument_id"]).iloc[0]
        text += (
            f" The first: {first.instrument_id} from {first.price_before:g} at {first.hour_before:%Y-%m-%d %H:%M} to "
            f"{first.price:g} at {first.hour:%Y-%m-%d %H:%M}. Adjust the source for splits and changes of unit, or "
            f"leave the instrument out; outcomes take an unadjusted split for a crash."
        )
    return Finding(jumps.empty, text, float(len(jumps)))


def _check_universe(counted: list[_Count], hours: pd.DatetimeIndex, settings: IngestSettings) -> Finding:
    counts = pd.concat([each.by_hour for each in counted]).reindex(hours, fill_value=0)
    wanted = settings.checks.min_universe_share * settings.universe
    empty = counts[counts == 0]
    if settings.checks.allow_empty_hours:
        counts = counts[counts > 0]
    thin = counts[(counts < wanted) | (counts == 0)]
    text = f"{len(thin)} of {len(hours)} hours have fewer than {wanted:g} instruments; {len(empty)} have none."
    if len(thin):
        text += f" The thinnest: {thin.idxmin():%Y-%m-%d %H:%M} with {thin.min()}."
    return Finding(thin.empty, text, float(len(thin)))
