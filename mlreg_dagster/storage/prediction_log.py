"""Where the prediction log keeps what, and how its segments are named; nothing is opened or made here."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.times import hours_between

SUFFIX = ".jsonl"
_LONGEST = timedelta(days=2)
_HOUR = "%Y%m%dT%H"
_NAME = re.compile(r"(?P<first>\d{8}T\d{2})_(?P<last>\d{8}T\d{2})_[0-9A-Za-z-]{1,80}\.jsonl", re.ASCII)


class NotASegment(MlregError):
    """A file among the sealed segments whose name says no hours."""


@dataclass(frozen=True)
class Layout:
    """The folders of the prediction log.

    Attributes:
        root: `<home>/served`.
    """

    root: Path

    @property
    def open(self) -> Path:
        """Segments that a process writes, or wrote when it died."""
        return self.root / "open"

    @property
    def sealed(self) -> Path:
        """Segments that grow no more and wait for their compaction."""
        return self.root / "sealed"

    @property
    def stored(self) -> Path:
        """Segments whose rows are stored; retention removes them."""
        return self.root / "stored"

    @property
    def aside(self) -> Path:
        """What could not be read: torn and foreign lines, files that are no segments."""
        return self.root / "aside"

    @property
    def hours(self) -> Path:
        """One Parquet file an hour, with the features."""
        return self.root / "hours"

    @property
    def compaction_lock(self) -> Path:
        """Held while stored answers move from segments into files and the table, and while they are copied."""
        return self.root / "compaction.lock"

    def hour_file(self, hour: datetime) -> Path:
        """The Parquet file of the answers of an hour."""
        return self.hours / f"{hour.astimezone(UTC):{_HOUR}}.parquet"


def layout_of(home: Path) -> Layout:
    """The prediction log of a home."""
    return Layout(home / "served")


def sealed_name(first: datetime, last: datetime, name: str) -> str:
    """What a segment is called once it is sealed: it says of which hours its answers are.

    Args:
        first: The time of its oldest answer, UTC.
        last: Of its newest one.
        name: What makes it unique.
    """
    return f"{first:{_HOUR}}_{last:{_HOUR}}_{name}{SUFFIX}"


def hours_of(segment: Path) -> list[datetime]:
    """The hours in which a sealed segment may hold answers, by its name.

    Raises:
        NotASegment: It has another name.
    """
    found = _NAME.fullmatch(segment.name)
    try:
        if found is None:
            raise ValueError
        first, last = (datetime.strptime(found[end], _HOUR).replace(tzinfo=UTC) for end in ("first", "last"))
    except ValueError:
        raise NotASegment(f"{segment} is no segment of the prediction log: its name says no hours.") from None
    if last - first > _LONGEST:
        raise NotASegment(f"{segment} is no segment of the prediction log: its name says hours of several days.")
    return list(hours_between(first, last))


def sealed_segments(layout: Layout) -> list[Path]:
    """What lies among the sealed segments, by name, whatever it is."""
    return sorted(layout.sealed.iterdir()) if layout.sealed.is_dir() else []


def waiting_hours(layout: Layout, last: datetime) -> list[datetime]:
    """The hours of sealed segments that hold no answer after the hour `last`, ascending."""
    found: set[datetime] = set()
    for path in sealed_segments(layout):
        with suppress(NotASegment):
            hours = hours_of(path)
            found.update(hours if hours and hours[-1] <= last else ())
    return sorted(found)


def hours_on_record(layout: Layout) -> list[datetime]:
    """The hours that have a Parquet file, ascending."""
    found = []
    for path in layout.hours.glob("*.parquet") if layout.hours.is_dir() else ():
        with suppress(ValueError):
            found.append(datetime.strptime(path.stem, _HOUR).replace(tzinfo=UTC))
    return sorted(found)
