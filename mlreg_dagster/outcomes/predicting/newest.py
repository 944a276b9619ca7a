"""The mirror of the thresholds of the newest scored hour, for those who score between two runs of the hourly job.

The hourly job decides thresholds (`history`, `moved_thresholds`); here they are written beside the tables as they are
on record, and read without pandas.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlreg_dagster.core.times import NotAnHour, read_time
from mlreg_dagster.models.manifests import flagging_in
from mlreg_dagster.outcomes.names import IS_VERSION, PREDICTIONS_TABLE
from mlreg_dagster.storage.mirror import THRESHOLDS_FILE, Mirror, newest_hour, not_whole

if TYPE_CHECKING:
    import duckdb

    from mlreg_dagster.registry import Registry
    from mlreg_dagster.storage.warehouse.warehouse import Warehouse

LOOKS_BACK_HOURS = 24
"""A version that did not score within so many hours before the newest one has no threshold of an hour any more."""

_FORMAT = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class NewestThreshold:
    """The threshold of the newest hour that a version scored.

    Attributes:
        value: Scores above it are flagged.
        policy: The flag policy of the version, which led to it.
        hour: Which hour.
        artifact_sha256: The hash of the artifact that scored.
    """

    value: float
    policy: str
    hour: datetime
    artifact_sha256: str


def mirror_newest_thresholds(
    tables: "Warehouse", registry: "Registry", mirror: Mirror, last_written: datetime | None = None
) -> datetime | None:
    """Write the thresholds that are on record now; the lock of the tables is kept meanwhile.

    Args:
        tables: Where the predictions are; a table that is not there yet holds none.
        registry: Where the flag policies of the versions are.
        mirror: Where to write.
        last_written: The last hour that the caller has just written: where the table holds a newer one, its writer
            mirrors it. None: write in any case.

    Returns:
        The newest hour on record, where it was written; None where there is a newer one, or no hour at all.

    Raises:
        MirrorError, StorageFull, StorageNotWritable: The mirror is as it was.
    """
    with tables.connect() as connection:
        hour = newest_hour(connection, PREDICTIONS_TABLE)
        if hour is None:
            mirror.remove(THRESHOLDS_FILE)
            return None
        if last_written is not None and hour > last_written and mirror.stamp(THRESHOLDS_FILE) is not None:
            return None
        found = newest_thresholds(connection, lambda name: flagging_in(registry.version(name).manifest).policy)
        mirror.replace(THRESHOLDS_FILE, encode_thresholds(found))
    return hour


def newest_thresholds(
    connection: "duckdb.DuckDBPyConnection", policy_of: Callable[[str], str]
) -> dict[str, NewestThreshold]:
    """The threshold of the newest hour that each version scored, of the last LOOKS_BACK_HOURS on record.

    In-sample hours have none: no policy looks back on them, and their rows have the frozen threshold.
    """
    if (newest := newest_hour(connection, PREDICTIONS_TABLE)) is None:
        return {}
    rows = connection.execute(
        f"SELECT model_version, arg_max(threshold, hour), epoch_us(max(hour)), arg_max(artifact_sha256, hour) "  # noqa: S608
        f"FROM {PREDICTIONS_TABLE} WHERE hour > $after AND {IS_VERSION} AND NOT in_sample GROUP BY ALL ORDER BY 1",
        {"after": newest - timedelta(hours=LOOKS_BACK_HOURS)},
    ).fetchall()
    return {
        version: NewestThreshold(value, policy_of(version), _EPOCH + timedelta(microseconds=hour), sha256)
        for version, value, hour, sha256 in rows
    }


def encode_thresholds(thresholds: Mapping[str, NewestThreshold]) -> bytes:
    """Thresholds as the content of the file."""
    listed = {version: asdict(each) | {"hour": each.hour.isoformat()} for version, each in thresholds.items()}
    return json.dumps({"format": _FORMAT, "sha256": _digest(listed), "thresholds": listed}, indent=1).encode()


def decode_thresholds(content: bytes, place: object) -> dict[str, NewestThreshold]:
    """The content of the file as thresholds, by version.

    Args:
        content: Of the file.
        place: Where it came from, for the message.

    Raises:
        MirrorError: It was cut short or altered, or is another file.
    """
    try:
        found = json.loads(content)
        if found["format"] != _FORMAT:
            raise ValueError(f"its format is {found['format']}, and this release reads {_FORMAT}")
        if found["sha256"] != _digest(found["thresholds"]):
            raise ValueError("its checksum differs")
        return {
            version: NewestThreshold(**each | {"hour": read_time(each["hour"])})
            for version, each in found["thresholds"].items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, NotAnHour) as error:
        raise not_whole(place, error) from error


def _digest(listed: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()
