"""Makes the newest dataset that can be trained on: takes in missing hours, then freezes the newest day that has enough.

Everything goes through the graph's own jobs, in the order in which automation does it.
"""

from dataclasses import dataclass

import pandas as pd

from mlreg_dagster import jobs
from mlreg_dagster.automation.backlog import Pieces
from mlreg_dagster.cli.progress import Advance
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR, day_key, hour_key, hour_range
from mlreg_dagster.datasets import freezing
from mlreg_dagster.datasets.choosing import refusal
from mlreg_dagster.datasets.windows import windows_of
from mlreg_dagster.market.sources.base import last_ended_hour
from mlreg_dagster.operations.home import consecutive
from mlreg_dagster.orchestration.instance.provenance import is_recorded
from mlreg_dagster.replay.champions import newest_trainable_day
from mlreg_dagster.runner import Runner

STEPS = 3
_DAY = pd.Timedelta(days=1)


class NothingFresh(MlregError):
    """No recent day has the hours that a dataset needs; the message names those that are missing."""


@dataclass(frozen=True)
class FreshDataset:
    """The dataset, and what was done for it.

    Attributes:
        day: Of the dataset.
        frozen_now: Whether it was frozen now, not before.
        taken_in: Hours that were missing and were taken in.
        brought_up_to_date: Hours whose features were older than their market.
        unavailable: Hours that are missing and can't be taken in.
    """

    day: str
    frozen_now: bool
    taken_in: Pieces
    brought_up_to_date: Pieces
    unavailable: Pieces

    @property
    def sentences(self) -> list[str]:
        """What was done, for people."""
        frozen = "is frozen now" if self.frozen_now else "was frozen before"
        texts = [
            ("{} were missing and were taken in: {}.", self.taken_in),
            ("{} were repaired or late; what was made from them is made again: {}.", self.brought_up_to_date),
            ("{} stay missing, for the source can't be asked about them: {}.", self.unavailable),
        ]
        lines = [text.format(_count(pieces), in_words(pieces)) for text, pieces in texts if pieces]
        return [*(lines or ["No hour was missing."]), f"The dataset of {self.day} {frozen}."]


def make_fresh_dataset(runner: Runner, advance: Advance) -> FreshDataset:
    """Take in what is missing up to the last ended hour, and freeze the newest day that can be trained on.

    Only hours that a dataset of the newest complete day looks back on are taken in, and those after it.

    Args:
        runner: The graph and its storage.
        advance: Gets each step before it begins, and its number.

    Raises:
        NothingFresh: No recent day has enough hours.
        RunFailed: A run failed.
        WarehouseBusy: Another process kept the tables.
    """
    settings, now = runner.settings, runner.clock.now()
    last = min(last_ended_hour(now), settings.ingest.last_hour or last_ended_hour(now))
    day = (last + HOUR).floor("D") - _DAY
    first = windows_of(day, settings.datasets).training.first - settings.max_lookback_hours * HOUR
    hours = hour_range(max(first, settings.ingest.first_hour), last)
    if hours.empty:
        raise NothingFresh(
            f"No hour of the market has ended since its start, {hour_key(settings.ingest.first_hour)} in ingest.yaml. "
            f"Wait for one, or set an earlier `start`."
        )
    backlog = runner.backlog(hours)
    missing = pd.DatetimeIndex([hour for piece in backlog.missing for hour in hour_range(*piece)])
    can_ask = [runner.source.can_ask(hour, now) for hour in missing]
    available, unavailable = consecutive(missing[can_ask]), consecutive(missing[[not each for each in can_ask]])

    advance("take in hours that are missing", 1)
    for piece in available:
        runner.run_hours(jobs.HOURLY, hour_range(*piece))
    outdated = runner.backlog(hours).outdated if available else backlog.outdated  # of a gap that was just filled, too
    advance("bring up to date what was made from late hours", 2)
    for piece in outdated:
        runner.run_hours(jobs.FOLLOW_UP, hour_range(*piece))
    advance("freeze the dataset", 3)
    newest = newest_trainable_day(runner, day + _DAY)
    if newest is None:
        raise NothingFresh(_why_nothing(runner, day, unavailable))
    key = day_key(newest)
    frozen_before = all(_is_frozen(runner, kind, key) for kind in (freezing.TRAINING, freezing.HOLDOUT))
    if not frozen_before:
        runner.run_partition(jobs.DATASETS, key)
    return FreshDataset(key, not frozen_before, available, outdated, unavailable)


def _is_frozen(runner: Runner, kind: str, key: str) -> bool:
    """Whether a dataset is there and on record: a run that died between the two is repeated."""
    found = runner.artifacts.find(kind, key)
    return found is not None and is_recorded(runner.instance, runner.registry, kind, key, found.sha256)


def in_words(pieces: Pieces) -> str:
    """Pieces as the CLI of Dagster writes ranges; only the first few."""
    shown = [f"{hour_key(first)}...{hour_key(last)}" for first, last in pieces[:3]]
    more = len(pieces) - len(shown)
    return ", ".join(shown) + (f" and {more} more ranges" if more else "")


def _count(pieces: Pieces) -> str:
    hours = sum(len(hour_range(*piece)) for piece in pieces)
    return f"{hours} hour" if hours == 1 else f"{hours} hours"


def _why_nothing(runner: Runner, day: pd.Timestamp, unavailable: Pieces) -> str:
    settings, source = runner.settings.datasets, runner.source.name
    text = (
        f"No dataset up to {day_key(day)} can be trained on: it needs {settings.min_training_hours} hours for training "
        f"and {settings.min_holdout_hours} for the holdout (min_training_hours, min_holdout_hours in datasets.yaml)."
    )
    if low := refusal(runner.warehouse, day, runner.settings, runner.clock.now()):
        text += f" {low}"
    elif unavailable:
        text += (
            f" {_count(unavailable)} are missing, and {source} can't be asked about them: {in_words(unavailable)}. "
            f"Leave `dagster dev` running, which takes in each hour as it ends, until enough are there; or name an "
            f"archive that holds them in ingest.yaml."
        )
    else:
        text += " The market has no more of them: lower these settings if it was closed, or set an earlier `start`."
    return f"{text} `mlreg train` alone trains on the newest dataset that is frozen already."
