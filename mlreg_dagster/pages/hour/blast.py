"""What rests on an hour of the market: the answer of `mlreg impact`, and how much of it the page shows."""

from dataclasses import dataclass

import pandas as pd

from mlreg_dagster.incidents.impact import Impact, UnknownInstrument, impact_of
from mlreg_dagster.pages.hour.facts import hour_of
from mlreg_dagster.pages.kept import Kept
from mlreg_dagster.pages.page import NotThere
from mlreg_dagster.pages.source import known_state
from mlreg_dagster.pages.view import View

SHOWN = 100
"""Of each list, in the page; the twin has all."""

_KEPT = Kept[Impact](64)
"""What is frozen is never rewritten, so that registry and mirror alone can change an answer."""


@dataclass(frozen=True)
class BlastFacts:
    """What rests on an hour.

    Attributes:
        hour: Which.
        instrument: Whose row is in question; None: all.
        impact: As `mlreg impact` answers it.
        changed_since: Why `changed` and `gone` of the datasets are of now, whatever time is asked about.
        shown: Of each list, how many the page shows at most; the twin has all.
    """

    hour: pd.Timestamp
    instrument: str | None
    impact: Impact
    changed_since: str
    shown: int = SHOWN


def facts(view: View, hour: str) -> BlastFacts:
    """What rests on an hour, or on the row of the instrument that the query names.

    Raises:
        NotAnHour: It is no hour.
        NotThere: The hour had not begun, or the instrument was never observed.
    """
    when, instrument = hour_of(view, hour), view.query.get("instrument") or None
    of_home = view.registry, view.tables, view.artifacts, view.settings, view.until
    try:
        found = _KEPT.get((*known_state(view), when, instrument), lambda: impact_of(when, instrument, *of_home))
    except UnknownInstrument as error:
        raise NotThere(str(error)) from error
    written = view.mirrored_at or view.now
    remark = f"Hours changed or gone since are told by the tables as written at {written:%Y-%m-%d %H:%M} UTC."
    return BlastFacts(when, instrument, found, remark)
