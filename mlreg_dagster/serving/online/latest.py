"""The newest hour by instrument, read from the mirror that the hourly job leaves; the tables are never opened.

A file that can't be used is told, and the last good one stays in use. Who answers with it is in `serving.answering`.
"""

import json
import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.config import canonical
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.times import hour_key
from mlreg_dagster.market.features.newest import NewestFeatures, decode
from mlreg_dagster.market.features.provenance import OtherFeatureSettings, differences
from mlreg_dagster.outcomes.predicting.newest import decode_thresholds
from mlreg_dagster.serving.scoring.thresholds import Threshold
from mlreg_dagster.storage.mirror import FEATURES_FILE, THRESHOLDS_FILE, Mirror, MirrorError

_LOG = logging.getLogger(__name__)
_SHOWN = 5
_Content = TypeVar("_Content")


class UnknownInstrument(MlregError):
    """The newest hour has no row of an instrument that was asked for."""


class NoLatestHour(MlregError):
    """There is no mirror of the newest hour yet, or none that can be read."""


class StaleHour(MlregError):
    """The newest hour that is known is older than answers may be, or lies in the future."""


@dataclass(frozen=True)
class Rows:
    """Rows of the newest hour.

    Attributes:
        hour: Which hour that is.
        X: Instruments x features, each in the order asked for; NaN is unknown.
    """

    hour: datetime
    X: NDArray[np.float64]


@dataclass(frozen=True)
class _Hour:
    """A mirrored hour, and where its rows and columns are."""

    newest: NewestFeatures
    settings: Mapping[str, Any]
    row_of: Mapping[str, int]
    column_of: Mapping[str, int]


class LatestHour:
    """The newest hour of features, and the thresholds of the newest scored hour; safe to use from many threads.

    It looks at the files at most every `look_every_seconds`, and reads one that was replaced.

    Args:
        folder: `<home>/latest`, or what MLREG_LATEST names: a folder or an fsspec URL.
        look_every_seconds: How long what was read counts as the newest.
        now: The current time; replaced in tests.

    Raises:
        MirrorError: The folder names no kind of store that is known here.
    """

    def __init__(
        self, folder: str, look_every_seconds: float = 1.0, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        mirror, pause = Mirror(folder), timedelta(seconds=look_every_seconds)
        self._features = _Followed(mirror, FEATURES_FILE, _read_hour, pause, now)
        self._thresholds = _Followed(mirror, THRESHOLDS_FILE, decode_thresholds, pause, now)
        self._place = mirror.path(FEATURES_FILE)
        self._now = now

    @property
    def hour(self) -> datetime | None:
        """The newest hour that is known; None where there is none."""
        found = self._features.get()
        return None if found is None else found.newest.hour

    @property
    def problems(self) -> Mapping[str, str]:
        """What is wrong with the files right now, by name; empty where nothing is."""
        found = {}
        for each in (self._features, self._thresholds):
            each.get()
            if each.problem is not None:
                found[each.name] = each.problem
        return found

    def why_none(self) -> str:
        """Why there is no newest hour, and what makes one."""
        return self._features.problem or (
            f"There is no mirror of the newest hour yet ({self._place}). The next hourly run makes it; until then send "
            f"the features of each row."
        )

    def age_hours(self) -> float | None:
        """How old the newest hour is; None where there is none."""
        return None if (hour := self.hour) is None else (self._now() - hour) / timedelta(hours=1)

    def rows(self, instruments: Sequence[str], features: Sequence[str], feature_settings: Mapping[str, Any]) -> Rows:
        """The features of instruments in the newest hour.

        Args:
            instruments: Keys, in the order of the rows; one may stand there twice.
            features: Names, in the order of the columns.
            feature_settings: Those in the manifest of the model that is to score the rows.

        Raises:
            NoLatestHour: No hour is known.
            OtherFeatureSettings: The hour was computed with other settings than the model learned from.
            UnknownInstrument: The hour has no row of one of them.
        """
        found = self._features.get()
        if found is None:
            raise NoLatestHour(self.why_none())
        if found.newest.feature_settings != canonical(feature_settings):
            raise OtherFeatureSettings(
                f"The features of {hour_key(found.newest.hour)} were computed with other settings than the model "
                f"learned from: {differences(found.settings, feature_settings, 'the model')}. Train a version on such "
                f"features, or give features.yaml back its values and materialize market_features again."
            )
        unknown = [each for each in dict.fromkeys(instruments) if each not in found.row_of]
        if unknown:
            more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
            raise UnknownInstrument(
                f"{hour_key(found.newest.hour)} has no row of {', '.join(unknown[:_SHOWN])}{more}. Ask for instruments "
                f"by their instrument_id, and for such as are traded now."
            )
        at = [found.row_of[each] for each in instruments]
        return Rows(found.newest.hour, found.newest.values[at][:, _places(found, tuple(features))])

    def is_stale(self, hour: datetime, warn_after_hours: float, refuse_after_hours: float) -> bool:
        """Whether answers from an hour have to say that it is old.

        Args:
            hour: As `rows` gave it.
            warn_after_hours: Age from which they have to.
            refuse_after_hours: Age from which there is no answer.

        Raises:
            StaleHour: It is older than that, or lies in the future: a clock is wrong.
        """
        age = (self._now() - hour) / timedelta(hours=1)
        if age >= refuse_after_hours or age < 0:
            state = f"{age:.1f} hours old, and from {refuse_after_hours:g} on none is answered from" if age >= 0 else (
                "later than the clock of this machine"
            )  # fmt: skip
            raise StaleHour(
                f"The newest hour of features is {hour_key(hour)}: {state}. Let the hourly job catch up (mlreg doctor "
                f"tells what is missing), or send the features of each row. Of a market that lies in the past, as the "
                f"demo's does, raise refuse_after_hours in serving.yaml."
            )
        return age >= warn_after_hours

    def threshold(self, version: str) -> Threshold | None:
        """The threshold of the newest hour that the hourly job scored with a version; None where it knows of none."""
        found = (self._thresholds.get() or {}).get(version)
        return None if found is None else Threshold(found.value, found.policy, found.hour, "hour")


class _Followed(Generic[_Content]):
    """A file of the mirror, read when it was replaced; all state is replaced at once."""

    def __init__(
        self,
        mirror: Mirror,
        name: str,
        decode: Callable[[bytes, object], _Content],
        pause: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self.name = name
        self.problem: str | None = None
        self._mirror, self._decode, self._pause, self._now = mirror, decode, pause, now
        self._content: _Content | None = None
        self._stamp: Hashable | None = None
        self._bad: str | None = None
        self._looked_at: datetime | None = None
        self._looking = Lock()

    def get(self) -> _Content | None:
        """What the newest good file holds; None where there was none yet."""
        looked_at, now = self._looked_at, self._now()
        if looked_at is not None and timedelta(0) <= now - looked_at < self._pause:
            return self._content
        is_first = looked_at is None
        if self._looking.acquire(blocking=is_first):  # others answer from what is there meanwhile
            self._looked_at = now
            if is_first or self._mirror.local is not None:
                self._look()
            else:
                Thread(target=self._look, daemon=True).start()  # a slow network must not hold up answers
        return self._content

    def _look(self) -> None:
        try:
            stamp = self._mirror.stamp(self.name)
            if stamp is not None and stamp != self._stamp:
                content = self._mirror.read(self.name)
                self._stamp = stamp  # a bad file is not read again until it was replaced
                self._take(content)
            self._tell(self._gone() if stamp is None else self._bad)
        except FileNotFoundError:
            self._tell(self._gone())
        except MirrorError as error:
            self._tell(str(error))
        finally:
            self._looking.release()

    def _take(self, content: bytes) -> None:
        try:
            self._content, self._bad = self._decode(content, self._mirror.path(self.name)), None
        except MirrorError as error:
            self._bad = str(error)

    def _gone(self) -> str | None:
        self._stamp = self._bad = None
        return None if self._content is None else f"{self._mirror.path(self.name)} is gone."

    def _tell(self, problem: str | None) -> None:
        if problem != self.problem and problem is not None:
            _LOG.warning("%s What was read before stays in use.", problem)
        self.problem = problem


def _read_hour(content: bytes, place: object) -> _Hour:
    newest = decode(content, place)
    try:
        settings = json.loads(newest.feature_settings)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise MirrorError(f"{place} does not say with which settings its features were computed.")
    return _Hour(newest, settings, _index(newest.instruments), _index(newest.features))


def _index(names: Sequence[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(names)}


def _places(hour: _Hour, features: tuple[str, ...]) -> list[int]:
    return [hour.column_of[name] for name in features]
