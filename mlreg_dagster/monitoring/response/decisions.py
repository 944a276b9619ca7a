"""What is decided on a day, why, and what the states remember from one day to the next."""

from dataclasses import dataclass
from datetime import date

from mlreg_dagster.monitoring.response.facts import DayFacts
from mlreg_dagster.monitoring.response.table import TRAINS, Action, Alert, Family, State, Training


@dataclass(frozen=True)
class Cause:
    """Why something is done; one cause has one training.

    Attributes:
        family: What drifts.
        kind: How: `sudden`, `gradual`, `worse` or `severe`.
        onset: The first day of it.
        champion: The champion at its onset.
    """

    family: Family
    kind: str
    onset: date
    champion: str | None

    @property
    def key(self) -> str:
        """The same for the same cause, and a part of run keys."""
        return f"{self.family}-{self.kind}-{self.onset:%Y-%m-%d}-{self.champion or 'nobody'}"

    @property
    def trigger(self) -> str:
        """By what a training for it is started: `performance` or `drift`."""
        return "performance" if self.family == "concept" else "drift"


@dataclass(frozen=True)
class Decision:
    """What was decided on a day.

    Attributes:
        facts: What it was decided on.
        waited_for: The key of the cause whose training was waited for; None: none was.
        training: What had happened to it at the end of the day.
        row: The row of the table; 0 where none fits.
        state: From this day on.
        family: What drifts; None: nothing.
        action: What is done.
        alerts: What people are told as long as no later decision says otherwise.
        protects: The champion is to be compared with the version before it.
        cause: What the state and a training are about; None: nothing.
        leave_out: Days whose data no training may take.
        reasons: Why, in sentences.
    """

    facts: DayFacts
    waited_for: str | None
    training: Training
    row: int
    state: State
    family: Family | None
    action: Action
    alerts: tuple[Alert, ...]
    protects: bool
    cause: Cause | None
    leave_out: tuple[date, ...]
    reasons: tuple[str, ...]

    @property
    def trains(self) -> bool:
        """Whether it starts a training."""
        return self.action in TRAINS


@dataclass(frozen=True)
class Memory:
    """What the states remember.

    Attributes:
        state: From which the next day is judged; never `unknown`.
        since: From when on; None: from the beginning.
        family: What drifts.
        watch: Why a watch was opened or a drift confirmed; None: it was the quality of data alone, or nothing was.
        cause: What is confirmed or waited for.
        asked_on: When the training of the cause was asked for; None: it was not, or it has its result.
        calm_days: Days in a row that were calm.
        unknown_days: Days in a row without enough evidence.
        severe_days: Days in a row of severe quality.
        broken_on: The first of two such days or more that no training has followed yet.
        last: The last day.
        trained: The keys of causes that had a training, and when it was asked for.
        bad_days: Days of severe quality.
        failed: What people are told of the last training of the present drift, where it failed.
        bad_since: The first of the days in a row whose quality was not ok, up to the last day.
        alerts: Of the last day that was judged.
    """

    state: State = "stable"
    since: date | None = None
    family: Family | None = None
    watch: Cause | None = None
    cause: Cause | None = None
    asked_on: date | None = None
    calm_days: int = 0
    unknown_days: int = 0
    severe_days: int = 0
    broken_on: date | None = None
    last: date | None = None
    trained: tuple[tuple[str, date], ...] = ()
    bad_days: tuple[date, ...] = ()
    failed: Alert | None = None
    bad_since: date | None = None
    alerts: tuple[Alert, ...] = ()

    @property
    def waits_for(self) -> Cause | None:
        """The cause whose training has no result yet."""
        return self.cause if self.asked_on is not None else None
