"""Facts of days, written down one by one."""

from datetime import date, timedelta

from mlreg_dagster.config.sections.drift import ResponseSettings
from mlreg_dagster.monitoring.response.facts import DayFacts
from mlreg_dagster.monitoring.response.fold import fold

FIRST = date(2026, 1, 1)
SETTINGS = ResponseSettings()

QUIET = DayFacts(
    day=FIRST,
    quality="ok",
    fast=False,
    slow=False,
    persistent_days=0,
    peak=1.0,
    concept="same",
    episodes=40,
    is_stale=False,
    enough=True,
    differs_from_training=False,
    champion="v1",
    reasons=(),
)


def on(day: int, **facts) -> DayFacts:
    """The facts of a day that is counted from FIRST: a quiet one, but for what is named."""
    return DayFacts(**{**vars(QUIET), "day": FIRST + timedelta(days=day), **facts})


def days(*facts: dict) -> list[DayFacts]:
    return [on(number, **each) for number, each in enumerate(facts)]


def decided(facts, outcomes=None, settings=SETTINGS):
    """The decisions; `outcomes`: by the key of a cause what happens to its training so many days after it began."""
    begun = {}

    def training_of(cause, day):
        begun.setdefault(cause.key, day)
        happens = (outcomes or {}).get(cause.family, {})
        passed = (day - begun[cause.key]).days + 1  # it is asked about from the day after on
        return next((happens[after] for after in sorted(happens, reverse=True) if passed >= after), "none")

    return list(fold(facts, training_of, settings))
