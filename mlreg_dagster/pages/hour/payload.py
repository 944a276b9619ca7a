"""What a source sent for an hour, as the landing zone keeps it: its size and hash, and the beginning of its text."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
from upath import UPath

from mlreg_dagster.config.places import raw_roots
from mlreg_dagster.core.times import NotAnHour, read_time
from mlreg_dagster.storage.landing import LandingZone, PayloadDamaged

_SHOWN, _EXCERPT = 8, 400


@dataclass(frozen=True)
class Payload:
    """One answer of a source.

    Attributes:
        source: Which source.
        kind: What was asked for.
        name: Of its file.
        received_at: When it came; None: its description can't be read.
        stored_bytes: Of the file, which is packed.
        bytes: Of what was received; None: it can't be read.
        sha256: The hash of what was received.
        excerpt: Its beginning as text.
        problem: Why it can't be read; empty: it can.
    """

    source: str
    kind: str
    name: str
    received_at: datetime | None
    stored_bytes: int
    bytes: int | None
    sha256: str | None
    excerpt: str
    problem: str = ""


def payloads_of(home: Path, hour: pd.Timestamp, as_of: datetime) -> tuple[tuple[Payload, ...], int]:
    """The payloads of an hour that had come by a time, the first ones alone, and how many there are."""
    landing = LandingZone(*raw_roots(home))
    found = [
        (source, kind, path) for source, kind in landing.kinds() for path in landing.landed(source, kind, hour)
    ]  # fmt: skip
    times = [_received_at(landing, path) for _, _, path in found]
    there = [(*each, time) for each, time in zip(found, times, strict=True) if time is None or time <= as_of]
    return tuple(_payload(landing, *each) for each in there[:_SHOWN]), len(there)


def _received_at(landing: LandingZone, path: UPath) -> datetime | None:
    try:
        return read_time(str(landing.about(path).get("received_at")))
    except (PayloadDamaged, NotAnHour):
        return None


def _payload(landing: LandingZone, source: str, kind: str, path: UPath, received_at: datetime | None) -> Payload:
    about = (source, kind, path.name, received_at, path.stat().st_size)
    try:
        body = landing.read(path)
    except PayloadDamaged as error:
        return Payload(*about, None, None, "", str(error))
    excerpt = body[:_EXCERPT].decode("utf-8", "replace")
    return Payload(*about, len(body), hashlib.sha256(body).hexdigest(), excerpt)
