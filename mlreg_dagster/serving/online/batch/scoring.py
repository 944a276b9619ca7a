"""Scores every row of a file by the code that answers requests, and sums up the file as a whole."""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mlreg_dagster.config import canonical
from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.core.times import NotAnHour, read_hour, read_time
from mlreg_dagster.market.features.provenance import FEATURE_SETTINGS, OtherFeatureSettings, differences
from mlreg_dagster.serving.answering import Answer, make_answer
from mlreg_dagster.serving.following.follower import Served
from mlreg_dagster.serving.online.batch.columns import (
    HOUR,
    INSTRUMENT,
    CannotScoreFile,
    Columns,
    Piece,
    require_bearable,
    require_none,
)
from mlreg_dagster.serving.online.batch.reading import form_of, opened, read
from mlreg_dagster.serving.online.batch.writing import require_free, written
from mlreg_dagster.serving.online.latest import LatestHour
from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.protocols.columns import instruments_of
from mlreg_dagster.serving.scoring.thresholds import Threshold


@dataclass
class BatchSummary:
    """What a file holds.

    Attributes:
        rows: How many were scored.
        anomalies: How many of them lie above the threshold.
        threshold: By which.
        in_sample: Rows of hours before the model may be judged; None where the file has no `hour`.
        is_checked: Whether the rows say with which settings their features were computed.
        unknown_hours: Rows whose `hour` is empty: whether they are in-sample is not known.
        stale: Rows were asked for by instrument, and the newest hour is older than answers should be.
        replaced: Whether there was a file in the place of the result.
    """

    rows: int = 0
    anomalies: int = 0
    threshold: Threshold | None = None
    in_sample: int | None = None
    is_checked: bool = False
    unknown_hours: int = 0
    stale: bool = False
    replaced: bool = False


def score_file(
    served: Served,
    source: Path,
    target: Path,
    settings: ServingSettings,
    latest: LatestHour | None = None,
    *,
    overwrite: bool = False,
) -> BatchSummary:
    """Score every row of a file; the result appears as a whole or not at all.

    Args:
        served: The version that scores.
        source: CSV, Parquet or JSON lines, by its extension. Columns by name, in any order: the model's features, and
            `hour` and `instrument_id` where there are any. With `feature_settings`, as `market_features` has it, the
            settings are compared with the model's, and further columns are allowed. With `instrument_id` alone the rows
            of the newest hour are scored.
        target: Likewise. Gets the keys, `version`, `score`, `is_anomaly`, `distance`, `training_quantile`, and
            `in_sample` where the rows have an `hour`.
        settings: Ages from which the newest hour is stale.
        latest: The newest hour, and thresholds; None: there is none.
        overwrite: Whether a file in the place of the result is replaced.

    Raises:
        CannotScoreFile: A file can't be read or has another form, or rows are wrong; they are named by their lines.
        OtherFeatureSettings: The features were computed with other settings than the model learned from.
        UnknownInstrument, NoLatestHour, StaleHour: Rows are asked for by instrument, and can't be had.
        OSError: The target can't be written.
    """
    form_of(source)
    require_free(target, source, overwrite)
    summary, model = BatchSummary(replaced=target.exists()), served.model
    with opened(source) as file, ExitStack() as stack:
        write: Callable[[pa.Table], None] | None = None
        for columns, piece in read(source, file, model.features):
            _check(piece, columns, source, model.manifest, model.version)
            answer = _answer(served, piece, columns, source, settings, latest)
            scored = _table(answer, piece, columns, source, summary)
            if write is None:
                write = stack.enter_context(written(target, scored.schema, overwrite=overwrite)).write_table
            write(scored)
    return summary


def _check(piece: Piece, columns: Columns, source: Path, manifest: Mapping[str, Any], version: str) -> None:
    require_bearable(piece, columns, source)
    if not columns.has_settings:
        return
    expected = manifest["feature_settings"]
    for text in piece.texts[FEATURE_SETTINGS].unique().to_pylist():
        if text == canonical(expected):
            continue
        line = piece.lines[piece.texts[FEATURE_SETTINGS].to_pylist().index(text)]
        try:
            found = json.loads(text)
            seen = differences(found, expected, f"the manifest of {version}")
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise CannotScoreFile(
                f"{source}: line {line}: its column {FEATURE_SETTINGS} holds something else than settings of features. "
                f"Export the rows from market_features, or leave the column out."
            ) from None
        raise OtherFeatureSettings(
            f"{source}: the row on line {line} was computed with other feature settings: {seen}. {version} can't judge "
            f"it. Train a new version on such rows, or compute them with the settings of {version}."
        )


def _answer(
    served: Served, piece: Piece, columns: Columns, source: Path, settings: ServingSettings, latest: LatestHour | None
) -> Answer:
    if columns.features or not len(piece.lines):
        return make_answer(served, Asked(X=piece.X.reshape(-1, len(served.model.features))), settings, latest)
    names = instruments_of(piece.texts[INSTRUMENT].to_pylist(), f"{source}: {INSTRUMENT}")
    return make_answer(served, Asked(instruments=names), settings, latest)


def _table(answer: Answer, piece: Piece, columns: Columns, source: Path, summary: BatchSummary) -> pa.Table:
    """A piece of the result, and its counts added to the summary."""
    rows = len(answer.scores)
    found: dict[str, pa.Array] = {name: piece.texts[name] for name in columns.keys}
    if not columns.features:
        found[HOUR] = pa.array(answer.hours or [], pa.string())
    found["version"] = pa.array([answer.served.model.version] * rows, pa.string())
    found["score"] = pa.array(answer.scores, pa.float64())
    found["is_anomaly"] = pa.array(answer.flags, pa.bool_())
    found["distance"] = pa.array(answer.distances, pa.float64())
    found["training_quantile"] = pa.array(answer.quantiles, pa.float64(), mask=np.isnan(answer.quantiles))
    if HOUR in columns.keys:
        hours = _hours(piece, source)
        before = read_hour(answer.served.model.manifest["scores_from"])
        in_sample = np.array([hour is not None and hour < before for hour in hours], dtype=bool)
        unknown = np.array([hour is None for hour in hours], dtype=bool)
        found["in_sample"] = pa.array(in_sample, pa.bool_(), mask=unknown)
        summary.in_sample = (summary.in_sample or 0) + int(in_sample.sum())
        summary.unknown_hours += int(unknown.sum())
    summary.rows += rows
    summary.anomalies += int(answer.flags.sum())
    summary.threshold, summary.is_checked = answer.threshold, columns.has_settings
    summary.stale |= answer.stale
    return pa.table(found)


def _hours(piece: Piece, source: Path) -> list[datetime | None]:
    """The time of each row; one without a zone is UTC."""
    column = piece.texts[HOUR]
    if pa.types.is_timestamp(column.type):
        micros = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).to_pylist()
        return [None if value is None else datetime.fromtimestamp(value / 1e6, UTC) for value in micros]
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_null(column.type)):
        raise CannotScoreFile(f"{source}: its column {HOUR} holds {column.type}, not times. Write 2026-01-31T14:00.")
    known: dict[str | None, datetime | None] = {None: None}
    wrong = []
    for line, text in zip(piece.lines, column.to_pylist(), strict=True):
        if text in known:
            continue
        try:
            known[text] = read_time(text)
        except NotAnHour as error:
            wrong.append(f"line {line}: its {HOUR} is no time ({str(error).rstrip('.')})")
    require_none(wrong, source)
    return [known[text] for text in column.to_pylist()]
