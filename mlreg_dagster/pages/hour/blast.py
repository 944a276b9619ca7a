"""What rests on an hour of the market: the answer of `mlreg impact`, and how much of it the page shows."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import pandas as pd

from mlreg_dagster.incidents.impact import Impact, UnknownInstrument, impact_of
from mlreg_dagster.pages.hour.facts import hour_of
from mlreg_dagster.pages.page import NotThere
from mlreg_dagster.pages.source import known_state
from mlreg_dagster.pages.view import View

SHOWN = 100
"""Of each list, in the page; the twin has all."""

_KEPT = 64


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
    as_of = view.as_of if view.is_past else None
    key = (*known_state(view), when, instrument)
    if (found := _CACHE.get(key)) is None:
        try:
            found = impact_of(when, instrument, view.registry, view.tables, view.artifacts, view.settings, as_of)
        except UnknownInstrument as error:
            raise NotThere(str(error)) from error
        _CACHE.put(key, found)
    written = view.mirrored_at or view.now
    remark = f"Hours changed or gone since are told by the tables as written at {written:%Y-%m-%d %H:%M} UTC."
    return BlastFacts(when, instrument, found, remark)


class _Cache:
    """The newest answers; what is frozen is never rewritten, so that registry and mirror alone can change one."""

    def __init__(self) -> None:
        self._found: OrderedDict[object, Impact] = OrderedDict()
        self._lock = Lock()

    def get(self, key: object) -> Impact | None:
        with self._lock:
            return self._found.get(key)

    def put(self, key: object, found: Impact) -> None:
        with self._lock:
            self._found[key] = found
            while len(self._found) > _KEPT:
                self._found.popitem(last=False)


_CACHE = _Cache()
