"""Reads lines of segments as rows; `record` writes them. A line that is none of ours is never guessed at."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, BinaryIO, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from mlreg_dagster.core.times import NotAnHour, plain, read_hour

_BEGINS = re.compile(rb'\{"record":\d{1,4},"answer_id":"[0-9a-f]{32}","answered_at":"(\d{4}-\d\d-\d\dT\d\d):')
_LONGEST = 256 << 20
"""Bytes of a line that are read at once; one that has more is none of ours."""

_Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Name = Annotated[str, Field(min_length=1)]


class Line(BaseModel):
    """An answer as it stands in a segment; lines of form 1 know of no rollouts."""

    model_config = ConfigDict(strict=True, extra="forbid")

    record: Literal[1, 2]
    answer_id: _Id
    answered_at: AwareDatetime
    request_id: str | None
    protocol: str
    client: str | None
    seconds: FiniteFloat
    model_version: _Name
    artifact_sha256: _Sha256
    alias: str | None
    alias_sequence: int | None
    arm: Literal["champion", "candidate"] | None = None
    traffic_sequence: int | None = None
    threshold: FiniteFloat
    threshold_policy: str
    threshold_hour: AwareDatetime | None
    threshold_source: str
    knowledge_age_seconds: FiniteFloat | None
    stale: bool
    instruments: list[str | None] | None
    hours: list[str | None] | None
    scores: list[FiniteFloat]
    flags: list[bool]
    quantiles: list[FiniteFloat | None]
    features: dict[str, list[FiniteFloat | None]]

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        columns: list[Sequence[Any] | None] = [self.instruments, self.hours, self.flags, self.quantiles]
        if any(each is not None and len(each) != len(self.scores) for each in (*columns, *self.features.values())):
            raise ValueError("its columns differ in length")
        return self


def hour_of(line: bytes) -> datetime | None:
    """The hour in which a line was answered, without reading more of it; None where it is no line of ours."""
    found = _BEGINS.match(line)
    return None if found is None else _hour(found[1].decode())


@lru_cache(maxsize=64)  # of a segment they are the same
def _hour(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    except ValueError:
        return None


def read_line(line: bytes) -> Line | None:
    """The answer in a line; None where it can't be read."""
    try:
        return Line.model_validate_json(line)
    except ValidationError:
        return None


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a segment, each with its end; the last one lacks it where it is torn. Empty ones are passed over."""
    while line := file.readline(_LONGEST):
        if line != b"\n":
            yield line


def is_torn(line: bytes) -> bool:
    """Whether its end is missing: the process died before it had written it, so the answer never left."""
    return not line.endswith(b"\n")


def rows_of(line: Line, segment_sha256: str) -> Iterator[Mapping[str, Any]]:
    """Rows of SERVED_PREDICTIONS, each with its `features`."""
    at = plain(line.answered_at)
    of_answer = {
        "hour": at - timedelta(minutes=at.minute, seconds=at.second, microseconds=at.microsecond),
        **line.model_dump(exclude=_COLUMNS | {"record"}),
        "answered_at": at,
        "segment_sha256": segment_sha256,
    }
    hours = line.hours or [None] * len(line.scores)
    instruments = line.instruments or [None] * len(line.scores)
    for number, score in enumerate(line.scores):
        yield {
            **of_answer,
            "row": number,
            "instrument_id": instruments[number] or None,
            "market_hour": market_hour(hours[number]),
            "score": score,
            "is_anomaly": line.flags[number],
            "training_quantile": line.quantiles[number],
            "features": {name: values[number] for name, values in line.features.items()},
        }


_COLUMNS = {"instruments", "hours", "scores", "flags", "quantiles", "features"}


@lru_cache(maxsize=1024)
def market_hour(text: str | None) -> datetime | None:
    """The hour that a client names; None where it names none that can be read."""
    try:
        return read_hour(text) if text else None
    except NotAnHour:
        return None
