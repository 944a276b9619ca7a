"""The mirror of the newest hour of `market_features`: written beside the table, read by those who may not open it.

The file holds the rows of that hour exactly as the table has them, as Parquet, with a checksum. Neither pandas nor
Dagster is needed to read it.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mlreg_dagster.core.times import read_hour
from mlreg_dagster.market.features.provenance import FEATURE_SETTINGS
from mlreg_dagster.storage.mirror import FEATURES_FILE, Mirror, newest_hour, not_whole

if TYPE_CHECKING:
    import duckdb

    from mlreg_dagster.storage.warehouse.tables import Table
    from mlreg_dagster.storage.warehouse.warehouse import Warehouse

_ABOUT = b"mlreg"
_FORMAT = 1
_KEYS = ("hour", "instrument_id", FEATURE_SETTINGS)


@dataclass(frozen=True)
class NewestFeatures:
    """The rows of one hour.

    Attributes:
        hour: Which.
        feature_settings: The settings that every row was computed with, as canonical JSON.
        instruments: The key of each row.
        features: The name of each column.
        values: Rows x features; NaN is unknown.
    """

    hour: datetime
    feature_settings: str
    instruments: tuple[str, ...]
    features: tuple[str, ...]
    values: NDArray[np.float64]


def mirror_newest_features(
    tables: "Warehouse", table: "Table", mirror: Mirror, last_written: datetime | None = None
) -> datetime | None:
    """Write the newest hour of the table as it is now; the lock of the tables is kept meanwhile.

    Of processes that come in any order the last one therefore leaves what the table holds.

    Args:
        tables: Where the table is.
        table: `features_table` of the settings in force.
        mirror: Where to write.
        last_written: The last hour that the caller has just written: where the table holds a newer one, its writer
            mirrors it. None: write in any case.

    Returns:
        The hour that was written; None where there is a newer one, or no hour at all. The mirror has no file then.

    Raises:
        MirrorError, StorageFull, StorageNotWritable: The mirror is as it was.
    """
    with tables.connect() as connection:
        hour = newest_hour(connection, table.name)
        if hour is None:
            mirror.remove(FEATURES_FILE)
            return None
        if last_written is not None and hour > last_written and mirror.stamp(FEATURES_FILE) is not None:
            return None
        mirror.replace(FEATURES_FILE, encode(_stored(connection, table, hour), hour))
    return hour


def newest_features(connection: "duckdb.DuckDBPyConnection", table: "Table") -> NewestFeatures | None:
    """The newest hour of the table itself; None where it holds none.

    Args:
        connection: To the tables.
        table: `features_table` of the settings in force.
    """
    hour = newest_hour(connection, table.name)
    return None if hour is None else _rows(_stored(connection, table, hour), hour)


def encode(rows: pa.Table, hour: datetime) -> bytes:
    """Rows of one hour as the content of the file."""
    about = {"format": _FORMAT, "hour": hour.isoformat(), "sha256": _digest(_rows(rows, hour))}
    sink = io.BytesIO()
    pq.write_table(rows.replace_schema_metadata({_ABOUT: json.dumps(about)}), sink, use_dictionary=[FEATURE_SETTINGS])
    return sink.getvalue()


def decode(content: bytes, place: object) -> NewestFeatures:
    """The content of the file as rows.

    Args:
        content: Of the file.
        place: Where it came from, for the message.

    Raises:
        MirrorError: It was cut short or altered, or is another file.
    """
    try:
        rows = pq.ParquetFile(io.BytesIO(content)).read()  # `read_table` loads pandas
        about = json.loads((rows.schema.metadata or {})[_ABOUT])
        if about["format"] != _FORMAT:
            raise ValueError(f"its format is {about['format']}, and this release reads {_FORMAT}")
        newest = _rows(rows, read_hour(about["hour"]))
        if about["sha256"] != _digest(newest):
            raise ValueError("its checksum differs")
    except Exception as error:
        raise not_whole(place, error) from error
    return newest


def _rows(rows: pa.Table, hour: datetime) -> NewestFeatures:
    missing = [name for name in _KEYS if name not in rows.column_names]
    if missing:
        raise ValueError(f"it lacks the columns {', '.join(missing)}")
    settings = rows.column(FEATURE_SETTINGS).unique().to_pylist()
    instruments = tuple(rows.column("instrument_id").to_pylist())
    hours = rows.column("hour").cast(pa.timestamp("us", "UTC")).cast(pa.int64()).unique().to_pylist()
    if len(settings) != 1 or len(set(instruments)) != len(instruments) or hours != [_microseconds(hour)]:
        raise ValueError("its rows are not those of one hour and one configuration, one an instrument")
    features = tuple(name for name in rows.column_names if name not in _KEYS)
    odd = [name for name in features if rows.schema.field(name).type != pa.float64()]
    if odd:
        raise ValueError(f"{', '.join(odd)} are no floating-point numbers")
    values = np.empty((len(features), len(instruments)))
    for place, name in enumerate(features):
        values[place] = rows.column(name).to_pylist()  # null becomes NaN; `to_numpy` loads pandas
    return NewestFeatures(hour, str(settings[0]), instruments, features, np.ascontiguousarray(values.T))


def _microseconds(hour: datetime) -> int:
    return round(hour.timestamp()) * 1_000_000  # as numbers: Arrow loads pandas to make times of Python


def _digest(newest: NewestFeatures) -> str:
    named = json.dumps([newest.hour.isoformat(), newest.feature_settings, newest.instruments, newest.features])
    return hashlib.sha256(named.encode() + newest.values.tobytes()).hexdigest()


def _stored(connection: "duckdb.DuckDBPyConnection", table: "Table", hour: datetime) -> pa.Table:
    columns = ", ".join('"{}"'.format(name.replace('"', '""')) for name in table.columns)
    return connection.execute(
        f'SELECT {columns} FROM "{table.name}" WHERE hour = $hour ORDER BY instrument_id',  # noqa: S608
        {"hour": hour},
    ).to_arrow_table()
