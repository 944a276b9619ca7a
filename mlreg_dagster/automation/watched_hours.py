"""The hours that automation watches, and why it requests none of them."""

from dataclasses import dataclass

import dagster as dg
import pandas as pd

from mlreg_dagster.automation.backlog import Pieces
from mlreg_dagster.config import IngestSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_key, hour_range
from mlreg_dagster.market.sources.base import MarketSource, last_ended_hour

_LEFT_TO_THE_SCHEDULE = pd.Timedelta(minutes=20)


@dataclass(frozen=True)
class Watch:
    """The hours that are watched.

    Attributes:
        hours: From the oldest snapshot on, or from `recent` on where that is earlier.
        recent: The first hour that is filled in even where no snapshot is older.
        known: The first hour that the source can be asked about.
        source: The name of the source.
        end: A sentence where the last of `hours` is the last of the market; else empty.
    """

    hours: pd.DatetimeIndex
    recent: pd.Timestamp
    known: pd.Timestamp
    source: str
    end: str

    def askable(self, missing: Pieces) -> Pieces:
        """The part of missing hours that the source can be asked about."""
        return [(max(first, self.known), last) for first, last in missing if last >= self.known]

    def at_rest(self, missing: Pieces) -> str:
        """Why no hour is requested: what is lost, that the market has ended, what is up to date."""
        if self.hours.empty:
            return "No hour of the market has ended yet."
        sentences = []
        if lost := sum(len(hour_range(first, min(last, self.known - HOUR))) for first, last in missing):
            known = hour_key(self.known)
            sentences.append(
                f"{lost} hours are missing for good: {self.source} can't be asked about hours before {known}."
            )
        if self.end:
            sentences.append(self.end)
        first, last = hour_key(self.hours[0]), hour_key(self.hours[-1])
        return " ".join([*sentences, f"All {len(self.hours) - lost} hours from {first} to {last} are up to date."])


def watched(ingest: IngestSettings, source: MarketSource, now: pd.Timestamp, instance: dg.DagsterInstance) -> Watch:
    """The hours to watch at the time `now`, by the snapshots that were ever taken."""
    first_known, last_known = source.span(now)
    last = min(last_ended_hour(now - _LEFT_TO_THE_SCHEDULE), last_known, ingest.last_hour or last_known)
    recent = max(ingest.first_hour, first_known, last - (ingest.catch_up_hours - 1) * HOUR)
    taken = instance.get_materialized_partitions(dg.AssetKey("market_snapshot"))
    oldest = min((key for key in taken if key >= hour_key(ingest.first_hour)), default=hour_key(recent))
    hours = hour_range(min(recent, as_hour(oldest)), last)
    return Watch(hours, recent, first_known, source.name, ended(ingest) if last == ingest.last_hour else "")


def ended(ingest: IngestSettings) -> str:
    """That no hour is to come, of a market that has a last one."""
    assert ingest.last_hour is not None  # noqa: S101 - a market without an end does not end
    return f"The market ended with {hour_key(ingest.last_hour)} (`end` in ingest.yaml): no hour is to come."
