"""Scores the rows of a CSV or Parquet file with one model, piece by piece, into another file.

Hours of the graph are scored in `outcomes.predicting.scoring`; nothing that is scored here is a prediction on record.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.market.features.provenance import FEATURE_SETTINGS
from mlreg_dagster.models.artifacts.artifact import Model
from mlreg_dagster.storage import regular_files

FORMATS = (".csv", ".parquet")
KEYS = ("hour", "instrument_id")
_ROWS_AT_ONCE = 1 << 16
_LARGEST_FILE, _LARGEST_BLOCK = 8 << 30, 16 << 20
_LARGEST_VALUE = np.finfo(np.float32).max  # what lies beyond is infinite to a forest
_LONGEST_REASON = 300


class CannotScoreFile(MlregError):
    """A file that can't be scored or written; the message names it and what to do."""


@dataclass
class BatchSummary:
    """How many rows were scored and flagged.

    Attributes:
        in_sample: Rows of hours before the model may be judged; None where the file has no `hour`.
        is_checked: Whether the rows say with which settings their features were computed.
        unknown_hours: Rows whose `hour` is empty: whether they are in-sample is not known.
    """

    rows: int = 0
    flagged: int = 0
    in_sample: int | None = None
    is_checked: bool = False
    unknown_hours: int = 0


def score_file(model: Model, source: Path, target: Path) -> BatchSummary:
    """Score every row of a file; the result appears as a whole or not at all.

    Rows are flagged by the model's frozen threshold: a file has no trailing days for a flag policy to look back on.

    A file with the column `feature_settings`, as `market_features` has it, is checked against the model's settings
    and may hold further columns. Any other file holds the keys, if it has some, and the model's features in its order.

    Args:
        model: Any version.
        source: CSV or Parquet, by its extension.
        target: Likewise. Gets the keys, `version`, `score`, `flagged`, and `in_sample` where the rows have an `hour`.

    Raises:
        CannotScoreFile: A file can't be read or has another form, or a value is no finite number.
        FeatureMismatch: The features differ in name or order from those of the model.
        OtherFeatureSettings: The features were computed with other settings than the model learned from.
        OSError: The target can't be written.
    """
    for path in (source, target):
        if path.suffix.lower() not in FORMATS:
            raise CannotScoreFile(f"{path} has another form than {' and '.join(FORMATS)}. Name a file of these.")
    if target.exists() and source.exists() and target.samefile(source):
        raise CannotScoreFile(
            f"{target} is the file to be scored, and would be lost. Name another file for the result."
        )
    summary, part = BatchSummary(), target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        with _opened(source) as file, ExitStack() as stack:
            writer: Any = None
            for piece in _read(source, file, model.features):
                scored = _scored(model, source, piece, summary)
                writer = writer or stack.enter_context(_writer(part, target, scored.schema))
                writer.write_table(scored)
        part.replace(target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return summary


@contextmanager
def _opened(source: Path) -> Iterator[BinaryIO]:
    try:
        with regular_files.opened(source.resolve(), _LARGEST_FILE) as file:
            yield file
    except (FileNotFoundError, NotADirectoryError):
        raise CannotScoreFile(f"{source} is not there. Name a file of rows.") from None


def _read(source: Path, file: BinaryIO, features: list[str]) -> Iterator[pa.Table]:
    try:
        yield from _pieces(source, file, features)
    except (pa.ArrowException, UnicodeError, OSError) as error:
        form, reason = source.suffix[1:].lower(), one_line(error, _LONGEST_REASON)
        raise CannotScoreFile(f"{source} can't be read as {form}: {reason}. Fix the file or its extension.") from None


def _pieces(source: Path, file: BinaryIO, features: list[str]) -> Iterator[pa.Table]:
    """The file in pieces, the first one even where there is no row."""
    if source.suffix.lower() == ".parquet":
        parquet = pa.parquet.ParquetFile(file)
        batches: Iterator[pa.RecordBatch] = parquet.iter_batches(batch_size=_ROWS_AT_ONCE)
        schema = parquet.schema_arrow
    else:
        types = dict.fromkeys(features, pa.float64()) | dict.fromkeys([*KEYS, FEATURE_SETTINGS], pa.string())
        reader = pa.csv.open_csv(
            file,
            read_options=pa.csv.ReadOptions(block_size=_LARGEST_BLOCK),
            convert_options=pa.csv.ConvertOptions(column_types=types),
        )
        batches, schema = iter(reader), reader.schema
    if repeated := sorted({name for name in schema.names if schema.names.count(name) > 1}):
        raise CannotScoreFile(f"{source} has the column {', '.join(repeated)} more than once. Remove the others.")
    yield schema.remove_metadata().empty_table()  # metadata is of no use, and in a damaged file anything
    for batch in batches:
        yield pa.Table.from_batches([batch]).replace_schema_metadata(None)


def _scored(model: Model, source: Path, piece: pa.Table, summary: BatchSummary) -> pa.Table:
    """A piece of the result, and its counts added to the summary."""
    keys = [name for name in KEYS if name in piece.column_names]
    hours = _hours(source, piece) if "hour" in keys else None
    summary.is_checked = FEATURE_SETTINGS in piece.column_names
    rows = piece.to_pandas()
    if hours is not None:
        rows["hour"] = hours
    features = _checked(model, source, rows) if summary.is_checked else rows.drop(columns=keys)
    _require_finite(source, features[[name for name in features if name in model.features]])
    scores = model.score(features)
    flagged = scores > model.threshold
    summary.rows += len(rows)
    summary.flagged += int(flagged.sum())
    columns: dict[str, Any] = {name: piece[name] for name in keys}
    columns["version"] = pa.array([str(model.manifest["version"])] * len(rows), pa.string())
    columns |= {"score": pa.array(scores, pa.float64()), "flagged": pa.array(flagged, pa.bool_())}
    if hours is not None:
        in_sample, unknown = (hours < model.scores_from).to_numpy(), hours.isna().to_numpy()
        summary.in_sample = (summary.in_sample or 0) + int(in_sample.sum())
        summary.unknown_hours += int(unknown.sum())
        columns["in_sample"] = pa.array(in_sample, pa.bool_(), mask=unknown)
    return pa.table(columns)


def _checked(model: Model, source: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """The model's features out of rows that say how they were computed."""
    if "hour" not in rows.columns or rows["hour"].isna().any():
        raise CannotScoreFile(
            f"{source} has {FEATURE_SETTINGS}, as rows of market_features, and so needs an hour in each."
        )
    if rows.empty:
        return rows[[name for name in model.features if name in rows.columns]]
    try:
        return model.select(rows)
    except (ValueError, TypeError, AttributeError):  # the text is no JSON, or not that of settings
        raise CannotScoreFile(
            f"{source}: its column {FEATURE_SETTINGS} holds something else than settings of features. Export the rows "
            f"from market_features, or leave the column out."
        ) from None


def _hours(source: Path, piece: pa.Table) -> "pd.Series[Any]":
    form = piece["hour"].type
    if not pa.types.is_null(form) and (pa.types.is_integer(form) or pa.types.is_floating(form)):
        raise CannotScoreFile(f"{source}: its column hour holds numbers, not times. Write 2026-01-31T14:00.")
    try:
        return pd.Series(pd.to_datetime(piece["hour"].to_pandas(), utc=True))
    except (ValueError, TypeError) as error:
        reason = one_line(error, _LONGEST_REASON)
        raise CannotScoreFile(f"{source}: its column hour is no time: {reason}. Write 2026-01-31T14:00.") from None


def _require_finite(source: Path, features: pd.DataFrame) -> None:
    for name, values in features.items():
        if not pd.api.types.is_numeric_dtype(values) and not values.isna().all():
            raise CannotScoreFile(f"{source}: its column {name} holds something else than numbers. Fix it.")
        sizes = np.abs(values.to_numpy(dtype=np.float64, na_value=np.nan))
        if beyond := int((sizes > _LARGEST_VALUE).sum()):
            raise CannotScoreFile(f"{source}: its column {name} has {beyond} infinite values. Leave them empty.")


def _writer(part: Path, target: Path, schema: pa.Schema) -> Any:
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.close(descriptor)
    if target.suffix.lower() == ".parquet":
        return pa.parquet.ParquetWriter(part, schema, compression="zstd")
    return pa.csv.CSVWriter(part, schema, write_options=pa.csv.WriteOptions(quoting_style="needed"))
