"""What servers count while a rollout is open: where it lies, the form of a line, and its reader.

Each server process has a file of its own in the folder of a rollout, and appends a line every few seconds. The writer
is `serving.rollout.counts`; what the counts mean for the rollout is decided in `governance.rollout`.
"""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from mlreg_dagster.storage import regular_files
from mlreg_dagster.storage.prediction_log import layout_of

SUFFIX = ".jsonl"
_FORM = 1  # of a line
_BEGINS = b'{"form":'
_LARGEST_FILE, _LONGEST_LINE = 1 << 32, 1 << 20
_MERGED = timedelta(minutes=1)
_FOLDER = re.compile(r"(?P<alias>[a-z][a-z0-9_-]{0,63})-(?P<rollout>[1-9][0-9]{0,8})")

_Count = Annotated[int, Meta(ge=0, le=1 << 62)]
_Seconds = Annotated[float, Meta(ge=0)]
_Hash = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
_Time = Annotated[datetime, Meta(tz=True)]


class ArmCounts(Struct, frozen=True, omit_defaults=True):
    """What one of the two versions did in a period.

    Attributes:
        requests: That it got, answered or failed.
        rows: That it scored.
        flagged: Of these, those above the threshold.
        errors: Requests that failed by a defect.
        slow: Answers that took longer than the budget.
        not_finite: Requests that failed, for a row has no finite score.
        cpu_seconds: Processor time of scoring.
        seconds: Seconds with a request.
        error_seconds: Of these, those with an error.
        slow_seconds: Of these, those with a larger share of slow answers than the budget.
        keys: Hashes of the first routing keys of a split; of a process, each is in one period alone.
    """

    requests: _Count = 0
    rows: _Count = 0
    flagged: _Count = 0
    errors: _Count = 0
    slow: _Count = 0
    not_finite: _Count = 0
    cpu_seconds: _Seconds = 0.0
    seconds: _Count = 0
    error_seconds: _Count = 0
    slow_seconds: _Count = 0
    keys: frozenset[_Hash] = frozenset()

    def __add__(self, other: "ArmCounts") -> "ArmCounts":
        """The counts of two periods."""
        return ArmCounts(
            self.requests + other.requests,
            self.rows + other.rows,
            self.flagged + other.flagged,
            self.errors + other.errors,
            self.slow + other.slow,
            self.not_finite + other.not_finite,
            self.cpu_seconds + other.cpu_seconds,
            self.seconds + other.seconds,
            self.error_seconds + other.error_seconds,
            self.slow_seconds + other.slow_seconds,
            self.keys | other.keys,
        )


class CountedPeriod(Struct, frozen=True, omit_defaults=True, tag_field="form", tag=_FORM):
    """What a server process counted for one split: a line of some seconds, or lines of up to a minute together.

    Attributes:
        process: Names the process; never used twice.
        sequence: Of the traffic event whose split was followed.
        first: When the period began.
        last: When it was written.
        champion: What the champion did.
        candidate: What the candidate did, with its share of the traffic.
        shadow: What the candidate did with requests that the champion answered.
        shadow_dropped: Answers that the candidate did not score, for want of time or of its rows.
        log_dropped: Answers of the process without a line in the prediction log.
        answers: All answers of the process that should have a line.
        started: The process began in this period, while the rollout was open.
        unloadable: Why the process can't load the candidate; None where it can.
    """

    process: str
    sequence: Annotated[int, Meta(ge=1)]
    first: _Time
    last: _Time
    champion: ArmCounts = ArmCounts()
    candidate: ArmCounts = ArmCounts()
    shadow: ArmCounts = ArmCounts()
    shadow_dropped: _Count = 0
    log_dropped: _Count = 0
    answers: _Count = 0
    started: bool = False
    unloadable: str | None = None

    def joined(self, following: "CountedPeriod") -> "CountedPeriod":
        """This period and one that follows it, of the same process and split, as one."""
        return replace(
            self,
            last=max(self.last, following.last),
            champion=self.champion + following.champion,
            candidate=self.candidate + following.candidate,
            shadow=self.shadow + following.shadow,
            shadow_dropped=self.shadow_dropped + following.shadow_dropped,
            log_dropped=self.log_dropped + following.log_dropped,
            answers=self.answers + following.answers,
            started=self.started or following.started,
            unloadable=following.unloadable,
        )


_decoder = msgspec.json.Decoder(CountedPeriod)


class Counted(Struct, frozen=True):
    """All that the servers of a home have counted for a rollout.

    Attributes:
        periods: In the order of time.
        torn: Lines without an end: their process was killed, or writes now.
        foreign: Lines, or files, that are none of ours; lines of a later release are among them.
        problem: Why some of it can't be read, in a sentence; None: all of it could.
    """

    periods: tuple[CountedPeriod, ...] = ()
    torn: int = 0
    foreign: int = 0
    problem: str | None = None

    def newest(self, now: datetime) -> datetime | None:
        """When a server last wrote; None: none has. A time after `now` is that of a clock that was ahead, and no time.

        Args:
            now: The current time.
        """
        return max((each.last for each in self.periods if each.last <= now), default=None)


def counts_folder(home: Path, alias: str, rollout: int) -> Path:
    """Where the counts of a rollout are.

    Args:
        home: The data home.
        alias: Whose traffic is split.
        rollout: The number by which the registry knows the rollout.
    """
    return layout_of(home).root / "rollout" / f"{alias}-{rollout}"


def counted_rollouts(home: Path) -> list[tuple[str, int, Path]]:
    """Alias, number and folder of each rollout that has counts; nothing else that lies there."""
    root = layout_of(home).root / "rollout"
    found = []
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        named = _FOLDER.fullmatch(path.name)
        if named is not None and path.is_dir() and not path.is_symlink():
            found.append((named["alias"], int(named["rollout"]), path))
    return found


def line_of(period: CountedPeriod) -> bytes:
    """A period as it is stored; what is zero is left out."""
    return msgspec.json.encode(period) + b"\n"


def read_line(line: bytes) -> CountedPeriod | None:
    """The period in a line; None where it is none of this form."""
    if not line.startswith(_BEGINS):  # the decoder takes a line without a form, too
        return None
    try:
        found = _decoder.decode(line)
        first, last = found.first.astimezone(UTC), found.last.astimezone(UTC)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        return None  # an overflow: a time beyond the calendar
    return replace(found, first=min(first, last), last=last)  # a clock that was put back


def read_counts(home: Path, alias: str, rollout: int) -> Counted:
    """All that was counted for a rollout; nothing where no server has followed it.

    Neighbouring lines of a process become periods of up to a minute. Processes may write meanwhile.

    Args:
        home: The data home.
        alias: Whose traffic is split.
        rollout: The number by which the registry knows the rollout.
    """
    folder = counts_folder(home, alias, rollout)
    periods: list[CountedPeriod] = []
    torn = foreign = 0
    problem = None
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return Counted()
    except OSError as error:
        return Counted(problem=_unreadable(folder, error))
    for path in (each for each in paths if each.suffix == SUFFIX):
        try:
            with regular_files.opened(path, _LARGEST_FILE) as file:
                found = _read(file, path.stem)
        except (regular_files.OddFile, FileNotFoundError):
            foreign += 1
            continue
        except OSError as error:
            problem = _unreadable(path, error)
            continue
        periods, torn, foreign = [*periods, *found.periods], torn + found.torn, foreign + found.foreign
    return Counted(tuple(sorted(periods, key=lambda each: (each.last, each.process))), torn, foreign, problem)


def _unreadable(path: Path, error: OSError) -> str:
    return f"the counts in {path} can't be read ({os.strerror(error.errno or 0)}): let this user read them"


def _read(file: BinaryIO, process: str) -> Counted:
    """The periods in the file of a process."""
    periods: list[CountedPeriod] = []
    torn = foreign = 0
    for line in _lines(file):
        period = read_line(line) if line.endswith(b"\n") else None
        if period is None or period.process != process:
            is_whole = line.endswith(b"}\n")
            torn, foreign = torn + (not is_whole), foreign + is_whole
        elif periods and _joins(periods[-1], period):
            periods[-1] = periods[-1].joined(period)
        else:
            periods.append(period)
    return Counted(tuple(periods), torn, foreign)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines; of one that is too long its pieces, none of which can be read."""
    while line := file.readline(_LONGEST_LINE):
        yield line


def _joins(period: CountedPeriod, following: CountedPeriod) -> bool:
    same = (period.sequence, period.unloadable) == (following.sequence, following.unloadable)
    in_order = period.first <= period.last <= following.last
    return same and in_order and not following.started and following.last - period.first <= _MERGED
