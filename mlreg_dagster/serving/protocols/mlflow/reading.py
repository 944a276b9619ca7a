"""A request of MLflow's protocol: from bytes to `Asked`."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import Raw

from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.protocols.columns import Places, check_row_count, find_columns, hours_of, instruments_of
from mlreg_dagster.serving.protocols.decoding import decode
from mlreg_dagster.serving.protocols.mlflow.types import Invocation, SplitFrame
from mlreg_dagster.serving.protocols.problems import BadRequest, TooLarge, UnsupportedMediaType

_invocation = msgspec.json.Decoder(Invocation)
_numbers = msgspec.json.Decoder(list[list[float | None]])
_cells = msgspec.json.Decoder(list[list[float | str | None]])
_records = msgspec.json.Decoder(list[dict[str, float | str | None]])

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_JSON = "application/json"
_SPLIT, _RECORDS = "dataframe_split", "dataframe_records"


def read(body: bytes, media_type: str | None, features: Sequence[str], most_rows: int) -> Asked:
    """Read a request.

    Args:
        body: JSON.
        media_type: The header `Content-Type`; None where there is none.
        features: Those of the model that is asked.
        most_rows: That the server takes at once.

    Raises:
        Refused: Anything about the request is wrong.
    """
    if media_type is not None and media_type.partition(";")[0].strip().lower() != _JSON:
        raise UnsupportedMediaType(f"The body is not sent as JSON: send it with the header Content-Type: {_JSON}.")
    request = decode(_invocation, body, "The body")
    split, records = request.dataframe_split, request.dataframe_records
    reasons = request.params is not None and request.params.reasons
    if isinstance(split, SplitFrame) and not isinstance(records, Raw):
        return _from_split(split, features, most_rows, reasons)
    if isinstance(records, Raw) and not isinstance(split, SplitFrame):
        return _from_records(records, features, most_rows, reasons)
    raise BadRequest(f"The body needs either {_SPLIT} or {_RECORDS}, and not both.")


def _from_split(split: SplitFrame, features: Sequence[str], most_rows: int, reasons: bool) -> Asked:
    names, what = split.columns, f"{_SPLIT}.columns"
    places = find_columns(names, features, what)
    _check_size(bytes(split.data), b"[", 1 + most_rows, len(names), most_rows)
    has_texts = places.instrument is not None or places.hour is not None
    rows: list[list[Any]] = decode(_cells if has_texts else _numbers, split.data, f"{_SPLIT}.data")
    check_row_count(len(rows), most_rows)
    odd = next((number for number, row in enumerate(rows) if len(row) != len(names)), None)
    if odd is not None:
        raise BadRequest(f"{_SPLIT}.data[{odd}] has other than the {len(names)} values of columns: send null for none.")
    if not has_texts and places.features is not None:
        X = np.array(rows, dtype=np.float64)[:, places.features]
        return Asked(X=np.ascontiguousarray(X), reasons=reasons)
    return _asked(list(zip(*rows, strict=True)), places, what, reasons)


def _from_records(data: Raw, features: Sequence[str], most_rows: int, reasons: bool) -> Asked:
    content = bytes(data)
    _check_size(content, b"{", most_rows, len(features) + 2, most_rows)
    records: list[dict[str, Any]] = decode(_records, data, _RECORDS)
    check_row_count(len(records), most_rows)
    names = list(records[0])
    odd = next((number for number, record in enumerate(records) if record.keys() != records[0].keys()), None)
    if odd is not None:
        raise BadRequest(
            f"{_RECORDS}[{odd}] has other columns than {_RECORDS}[0]: send all in each, null where unknown."
        )
    what = f"{_RECORDS}[0]"
    places = find_columns(names, features, what)
    columns = [[record[name] for record in records] for name in names]
    texts = len(names) * len(records) + sum(type(value) is str for each in columns if _has_text(each) for value in each)
    if (_ESCAPE.sub(b"", content) if b"\\" in content else content).count(b'"') != 2 * texts:
        raise BadRequest(f"{_RECORDS} has a record with one name twice: send each name once.")
    return _asked(columns, places, what, reasons)


def _asked(columns: Sequence[Sequence[Any]], places: Places, what: str, reasons: bool) -> Asked:
    """The request that the columns make."""
    X = None
    if places.features is not None:
        for place in places.features:
            if _has_text(columns[place]):
                row = [type(value) for value in columns[place]].index(str)
                raise BadRequest(f"{what}[{place}], row {row}, is a text: send a number, or null for unknown.")
        X = np.ascontiguousarray(np.array([columns[place] for place in places.features], dtype=np.float64).T)
    return Asked(
        X=X,
        instruments=_texts(instruments_of, columns, places.instrument, what),
        hours=_texts(hours_of, columns, places.hour, what),
        reasons=reasons,
    )


def _texts(
    read_texts: Callable[[Sequence[object], str], tuple[str, ...]],
    columns: Sequence[Sequence[object]],
    place: int | None,
    what: str,
) -> tuple[str, ...] | None:
    return None if place is None else read_texts(columns[place], f"{what}[{place}]")


def _has_text(column: Sequence[Any]) -> bool:
    return str in set(map(type, column))


def _check_size(content: bytes, opening: bytes, most_opened: int, width: int, most_rows: int) -> None:
    """Refuse what has more rows than the server takes, or far more values, before any of them is made.

    Raises:
        TooLarge: It has.
    """

    def exceeds(json: bytes) -> bool:
        return json.count(opening) > most_opened or json.count(b",") > most_rows * width

    if exceeds(content) and exceeds(_TEXT.sub(b"", content)):  # texts may have both, and are seldom there
        raise TooLarge(f"The request has more than {most_rows} rows, or more values than columns: split it.")
