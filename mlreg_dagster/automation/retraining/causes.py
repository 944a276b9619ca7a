"""Which trainings are due beside the schedule, for a cause: drift, performance, or much new data.

Plain: the sensor stands in `sensor`. Whether drift asks for a training is decided in `monitoring.response`; each cause
has one training, and its key is the run key.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from mlreg_dagster.config import ModelSettings, ResponseSettings, RetrainingSettings
from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.models.manifests import cause_in, recorded_settings
from mlreg_dagster.monitoring.response.stored import cause_of
from mlreg_dagster.monitoring.response.table import TRAINS
from mlreg_dagster.registry import DriftDecision, ModelVersion


@dataclass(frozen=True)
class CausedTraining:
    """A training that is due for a cause.

    Attributes:
        trigger: `performance`, `drift` or `volume`.
        key: Of the cause.
        reason: Why, for people.
        model: The config file that is trained, without .yaml.
        since: The dataset has to end with this day or a later one.
        leave_out: Days whose rows the dataset must not hold.
    """

    trigger: str
    key: str
    reason: str
    model: str
    since: str
    leave_out: tuple[str, ...] = ()

    @property
    def run_key(self) -> str:
        """The same for the same cause."""
        return f"cause-{self.key}"

    def waits_for(self, day: str, hours: Iterable[str]) -> str | None:
        """Why a dataset will not do, in words; None where it will.

        Args:
            day: Of the newest dataset.
            hours: The hours that its training rows are of, as its lineage names them.
        """
        if day < self.since:
            return f"it waits for the dataset of {self.since}; the newest is of {day}"
        if taken := sorted({hour[:10] for hour in hours} & set(self.leave_out)):
            return f"the dataset of {day} holds days of severe quality, which no training takes: {', '.join(taken)}"
        return None


def trainings_for_drift(
    decisions: Iterable[DriftDecision],
    versions: Sequence[ModelVersion],
    model: str,
    now: pd.Timestamp,
    settings: ResponseSettings,
) -> list[CausedTraining]:
    """Trainings that the newest decisions ask for and that no version was trained by.

    Args:
        decisions: On record.
        versions: All registered versions.
        model: The config file that is trained.
        now: The current time; what was asked for longer ago than the deadline is over.
        settings: The deadline.
    """
    newest = {each.day: each for each in decisions}
    oldest = now - pd.Timedelta(days=settings.deadline_days + 1)  # a day is judged once it has ended
    done = causes_of(versions)
    due = {}
    for each in sorted(newest.values(), key=lambda record: record.day):
        if each.action in TRAINS and each.cause and each.cause not in done and as_hour(each.day) > oldest:
            trigger = cause_of(each.cause).trigger
            due[each.cause] = CausedTraining(trigger, each.cause, each.reason, model, each.day, each.leave_out)
    return list(due.values())


def training_for_volume(
    champion: ModelVersion | None,
    versions: Sequence[ModelVersion],
    rows: int,
    new_instruments: float,
    model: str,
    newest_day: str,
    settings: RetrainingSettings,
    limits: ResponseSettings,
) -> CausedTraining | None:
    """The training that much new data asks for; once for each champion, and not soon after another training.

    Args:
        champion: The present one.
        versions: All registered versions.
        rows: Of features since its training.
        new_instruments: Share of the last day's instruments that its training did not know.
        model: The config file that is trained.
        newest_day: Of the newest dataset.
        settings: How much is much.
        limits: How soon is soon, and the budget of trainings beside the schedule.
    """
    if champion is None:
        return None
    volume, reason = settings.volume, None
    if volume.rows is not None and rows >= volume.rows:
        reason = f"{rows:,} rows are new since {champion.version} was trained; retraining.yaml asks for {volume.rows:,}"
    elif volume.instruments_share is not None and new_instruments >= volume.instruments_share:
        reason = (
            f"{new_instruments:.0%} of the instruments are new to {champion.version}; retraining.yaml asks for "
            f"{volume.instruments_share:.0%}"
        )
    key = f"volume-{champion.version}"
    soon = as_hour(newest_day) - pd.Timedelta(days=limits.cooldown_days)
    if reason is None or key in causes_of(versions) or any(as_hour(each.dataset_day) > soon for each in versions):
        return None
    return CausedTraining("volume", key, f"{reason}.", model, newest_day)


def budget_left(versions: Iterable[ModelVersion], now: pd.Timestamp, settings: ResponseSettings) -> int:
    """How many trainings beside the schedule automation may still start."""
    since = now - pd.Timedelta(days=settings.budget_days)
    causes = (cause_in(each.manifest) for each in versions if since < each.created_at <= now)
    return settings.trainings - sum(cause is not None and cause["trigger"] != "manual" for cause in causes)


def causes_of(versions: Iterable[ModelVersion]) -> set[str]:
    """The keys of the causes that versions were trained for."""
    return {cause["key"] for each in versions if (cause := cause_in(each.manifest)) is not None}


def model_for(champion: ModelVersion | None, models: Mapping[str, ModelSettings], settings: RetrainingSettings) -> str:
    """The config file that is trained for a cause: that of the champion where it is retrained, else the first one."""
    for name in settings.models:
        if champion is not None and recorded_settings(models[name]) == champion.manifest["settings"]:
            return name
    return settings.models[0]
