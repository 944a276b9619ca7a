"""Which hours and days are missing, and which are older than what they were made from.

Everything is derived from the order of the materializations (Dagster's storage ids grow), so nothing has to be
remembered between two looks: a late hour, an hour that a person repaired, and a run that died half way all show
as the same thing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlreg_dagster.config import DatasetSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.datasets.windows import DatasetWindows

Order = NDArray[np.int64]
"""Storage id of the newest materialization of each partition; 0 = never materialized."""

Pieces = list[tuple[pd.Timestamp, pd.Timestamp]]
"""Consecutive times, each piece by its first and its last."""


@dataclass(frozen=True)
class Backlog:
    """Hours that are to be done.

    Attributes:
        missing: Without a snapshot.
        outdated: Whose features or predictions are older than what they were made from; so are their outcomes.
        unvalidated: Of which the outcomes alone are.
        unexplained: Of which the reasons are older than the predictions, which are up to date.
    """

    missing: Pieces
    outdated: Pieces
    unvalidated: Pieces
    unexplained: Pieces


def order_of(materialized: Mapping[str, int], keys: Iterable[str]) -> Order:
    """Storage ids by partition key, put in the order of `keys`."""
    return np.array([materialized.get(key, 0) for key in keys], dtype=np.int64)


def find_backlog(
    hours: pd.DatetimeIndex,
    snapshots: Order,
    features: Order,
    predictions: Order,
    outcomes: Order,
    reasons: Order,
    *,
    lookback_hours: int,
    horizon_hours: int,
    recent: pd.Timestamp,
) -> Backlog:
    """Compare the hourly tables.

    A table has no gap: all hours after its oldest one are watched, however long automation was down. Before that
    hour only recent ones are.

    Args:
        hours: Consecutive hours that are due.
        snapshots: Their newest materializations, as `order_of` gives them; likewise the other tables.
        features: Made from the snapshots of the hour and the `lookback_hours` before it.
        predictions: Made from the features of the hour.
        outcomes: Made from the predictions `horizon_hours` before and the snapshots since.
        reasons: Made from the predictions of the hour. Hours before the oldest one were predicted before there were
            reasons.
        lookback_hours: How far features look back.
        horizon_hours: How far outcomes look back.
        recent: The first hour that is filled in even where a table holds nothing before it.

    Returns:
        Each hour at most once, but those whose outcomes and reasons are both to be done. An hour whose snapshot is
        missing is nothing else: what follows from it is done with it.
    """
    present, is_recent = snapshots > 0, np.asarray(hours >= recent)
    missing = ~present & _since_oldest(snapshots, is_recent)
    stale = _are_stale(features, snapshots, lookback_hours) & _since_oldest(features, is_recent)
    outdated = present & (stale | ((predictions < features) & _since_oldest(predictions, is_recent)))
    behind = np.maximum(_lagged(predictions, horizon_hours), _newest_within(snapshots, horizon_hours))
    unvalidated = present & ~outdated & (outcomes < behind) & _since_oldest(outcomes, is_recent)
    unexplained = present & ~outdated & (reasons < predictions) & _since_oldest(reasons, is_recent)
    due = (missing, outdated, unvalidated, unexplained)
    return Backlog(*(list(_pieces(hours, chosen, HOUR)) for chosen in due))


def at_most(pieces: Pieces, limit: int, recent: pd.Timestamp) -> Pieces:
    """All that is recent, and of what is older the oldest `limit` hours: a long outage is worked off forward.

    Args:
        pieces: Consecutive hours, in their order.
        limit: How many older hours are done at once.
        recent: The first hour that is not older; a piece that reaches over it is cut there.
    """
    chosen: Pieces = []
    for first, last in pieces:
        if first < recent and limit > 0:
            end = min(last, recent - HOUR, first + (limit - 1) * HOUR)
            chosen.append((first, end))
            limit -= (end - first) // HOUR + 1
        if last >= recent:
            chosen.append((max(first, recent), last))
    return chosen


def complete_days(hours: pd.DatetimeIndex, made: Order) -> pd.DatetimeIndex:
    """The days of which all 24 hours lie in `hours` and were made."""
    counts = pd.Series(made > 0, index=hours).groupby(hours.normalize()).sum()
    return pd.DatetimeIndex(counts.index[counts == 24])


def basis_of_dataset(
    windows: DatasetWindows,
    hours: pd.DatetimeIndex,
    snapshots: Order,
    features: Order,
    *,
    lookback_hours: int,
    settings: DatasetSettings,
) -> int | str:
    """What a dataset would rest on if it were frozen now.

    Args:
        windows: Of the dataset.
        hours: Consecutive hours, from `lookback_hours` before the training window to the end of the holdout.
        snapshots: Their newest materializations; likewise the features.
        features: Made from the snapshots of the hour and the `lookback_hours` before it.
        lookback_hours: How far features look back.
        settings: How many hours each window has to have.

    Returns:
        Id of the newest features within the windows; or, in words, why nothing can be frozen yet: too few hours, or
        features that are outdated.
    """
    for window, name, wanted in (
        (windows.training, "training", settings.min_training_hours),
        (windows.holdout, "holdout", settings.min_holdout_hours),
    ):
        if (present := np.count_nonzero(features[hours.isin(window.hours)])) < wanted:
            return f"Its {name} window has features for {present} hours; min_{name}_hours in datasets.yaml is {wanted}."
    inside = hours >= windows.training.first
    if (inside & (snapshots > 0) & _are_stale(features, snapshots, lookback_hours)).any():
        return "Hours of its week were repaired or came in late, and their features wait for the follow-up."
    return int(features[inside].max())


def unvalidated_answers(
    hours: pd.DatetimeIndex, snapshots: Order, answers: Order, outcomes: Order, horizon_hours: int
) -> Pieces:
    """The hours whose outcomes of served answers are older than what they are made from, or missing.

    Args:
        hours: Consecutive hours that are due.
        snapshots: Their newest materializations.
        answers: The newest materialization that holds answers about the hour `horizon_hours` before each.
        outcomes: The newest materializations of the outcomes.
        horizon_hours: How far outcomes look back.
    """
    behind = np.maximum(answers, _newest_within(snapshots, horizon_hours))
    due = (snapshots > 0) & ((answers > 0) | (outcomes > 0)) & (outcomes < behind)
    return list(_pieces(hours, due, HOUR))


def pieces_of(hours: pd.DatetimeIndex) -> Pieces:
    """Hours, ascending, as consecutive pieces."""
    return list(_pieces(hours, np.ones(len(hours), dtype=bool), HOUR))


def outdated_days(
    hours: pd.DatetimeIndex,
    outcomes: Order,
    days: pd.DatetimeIndex,
    measured: Order,
    served: Order | None = None,
) -> Pieces:
    """Which of `days`, as consecutive pieces, were measured before some of what they are made from, or never.

    A day is judged by those before it (quiet days, outcomes so far), so that a day which is repaired takes all days
    after it along. Served answers are measured and judge nothing: they take their own day along.

    Args:
        hours: Consecutive hours that are due.
        outcomes: Their newest materializations: of outcomes, reasons and sketches the newest one.
        days: Complete days.
        measured: Their newest materializations.
        served: The newest materializations of the outcomes of served answers; None: there are none.
    """
    newest = pd.Series(outcomes, index=hours).groupby(hours.normalize()).max().reindex(days).cummax().to_numpy()
    if served is not None:
        newest = np.maximum(newest, pd.Series(served, index=hours).groupby(hours.normalize()).max().reindex(days))
    return list(_pieces(days, measured < newest, pd.Timedelta(days=1)))


def _since_oldest(order: Order, is_recent: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The hours that are recent, or not older than the oldest that was made."""
    return is_recent | np.logical_or.accumulate(order > 0)


def _are_stale(features: Order, snapshots: Order, lookback_hours: int) -> NDArray[np.bool_]:
    return features < _newest_within(snapshots, lookback_hours)


def _newest_within(order: Order, hours_back: int) -> Order:
    """The newest of each hour and the `hours_back` before it."""
    if not len(order):
        return order
    padded = np.concatenate([np.zeros(hours_back, dtype=np.int64), order])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, hours_back + 1).max(axis=1))


def _lagged(order: Order, hours_back: int) -> Order:
    return np.concatenate([np.zeros(hours_back, dtype=np.int64), order])[: len(order)]


def _pieces(
    times: pd.DatetimeIndex, chosen: NDArray[np.bool_], step: pd.Timedelta
) -> Iterator[tuple[pd.Timestamp, pd.Timestamp]]:
    picked = times[chosen]
    if len(picked):
        breaks = np.flatnonzero(np.diff(picked) > step)
        yield from zip(picked[[0, *(breaks + 1)]], picked[[*breaks, -1]], strict=True)
