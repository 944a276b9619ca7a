"""What is old in the prediction log: segments whose answers are stored, and the features of answered hours."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd

from mlreg_dagster.config.sections.retention import RetentionSettings
from mlreg_dagster.operations.retention.ages import old_before
from mlreg_dagster.storage.prediction_log import Layout, NotASegment, hours_of, hours_on_record

_LONGEST_PAUSE = pd.Timedelta(days=4)


def old_segments(layout: Layout, policy: RetentionSettings, now: pd.Timestamp) -> list[Path]:
    """The stored segments that are older than the policy says; ages are counted in hours that were answered in."""
    before = _old_before(layout, policy.served_segment_days, now)
    return [path for path, last in _stored(layout) if before is not None and last < before]


def old_hour_files(layout: Layout, policy: RetentionSettings, now: pd.Timestamp) -> list[Path]:
    """The files with the features of hours that are older than the policy says."""
    before = _old_before(layout, policy.served_feature_days, now)
    return [layout.hour_file(hour) for hour in hours_on_record(layout) if before is not None and hour < before]


def remove(paths: Iterable[Path]) -> None:
    """Remove them."""
    for path in paths:
        path.unlink(missing_ok=True)


def _stored(layout: Layout) -> Iterator[tuple[Path, pd.Timestamp]]:
    """The stored segments, each with its last hour; nothing else that lies beside them."""
    for path in sorted(layout.stored.iterdir()) if layout.stored.is_dir() else ():
        with suppress(NotASegment):
            hours = hours_of(path)
            if hours and path.is_file() and not path.is_symlink():
                yield path, pd.Timestamp(hours[-1])


def _old_before(layout: Layout, days: int | None, now: pd.Timestamp) -> pd.Timestamp | None:
    answered = map(pd.Timestamp, hours_on_record(layout))
    return old_before(answered, now, days, _LONGEST_PAUSE) if days else None
