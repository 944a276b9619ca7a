"""One tensor: its values from JSON or bytes, checked for length and kind before they are decoded."""

import re
import struct
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlreg_dagster.serving.protocols.decoding import decode
from mlreg_dagster.serving.protocols.problems import BadRequest

Values = list[float | None] | bytes | NDArray[np.float64]
"""Numbers of a tensor: as a list, as the bytes of FP64, or converted."""

_FLOATS = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
_WHOLE = {f"{kind}{bits}": f"<{kind[0].lower()}{bits // 8}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64)}
_NUMERIC = {**_FLOATS, **_WHOLE, "BOOL": "u1"}
_TEXT = "BYTES"
_PREFIX = struct.Struct("<I")
_NESTED = re.compile(rb"\s*\[\s*\[")

_Lists = msgspec.json.Decoder[list[Any]]
_flat: _Lists = msgspec.json.Decoder(list[float | None])
_nested: _Lists = msgspec.json.Decoder(list[list[float | None]])
_flat_bools: _Lists = msgspec.json.Decoder(list[bool | None])
_nested_bools: _Lists = msgspec.json.Decoder(list[list[bool | None]])
_flat_texts: _Lists = msgspec.json.Decoder(list[str])
_nested_texts: _Lists = msgspec.json.Decoder(list[list[str]])


def numbers_from_json(datatype: str, data: msgspec.Raw, rows: int, width: int, what: str) -> Values:
    """Read `rows` times `width` numbers of a tensor, row by row.

    Args:
        datatype: Any numeric one, or BOOL.
        data: A list of all, or of lists of a row each.
        rows: That the shape states.
        width: Values of a row that the shape states.
        what: How a message calls the tensor.

    Raises:
        BadRequest: They are of another number or kind.
    """
    _check_numeric(datatype, what)
    content = bytes(data)
    if content.count(b",") + 1 != rows * width:  # before anything of that size is made
        raise BadRequest(f"{what} has other than the {rows * width} values of its shape in data: send as many.")
    is_bool = datatype == "BOOL"
    if content.count(b"[") > 1:
        by_row = decode(_nested_bools if is_bool else _nested, data, f"{what}.data")
        values = _flattened(by_row, rows, width, what)
    else:
        values = decode(_flat_bools if is_bool else _flat, data, f"{what}.data")
        _check_length(len(values), rows * width, what)
    return values if datatype == "FP64" else _converted(datatype, np.array(values, dtype=np.float64), what)


def numbers_from_bytes(datatype: str, data: bytes, count: int, what: str) -> Values:
    """Read `count` numbers of a tensor from their little-endian bytes.

    Raises:
        BadRequest: The bytes are of another length, or no such values.
    """
    _check_numeric(datatype, what)
    kind = np.dtype(_NUMERIC[datatype])
    if len(data) != count * kind.itemsize:
        raise BadRequest(f"{what} has other than the {count * kind.itemsize} bytes of its shape and datatype.")
    if datatype == "FP64":
        return data
    values = np.frombuffer(data, kind)
    if datatype == "BOOL" and values.max(initial=0) > 1:
        raise BadRequest(f"{what} has bytes other than 0 and 1, but is of datatype BOOL.")
    with np.errstate(invalid="ignore"):  # a signalling NaN is unknown, as any other
        return values.astype(np.float64)


def texts_from_json(datatype: str, data: msgspec.Raw, rows: int, what: str) -> list[str]:
    """Read a text a row.

    Raises:
        BadRequest: They are of another number or kind.
    """
    _check_text(datatype, what)
    if _NESTED.match(bytes(data)):
        return _flattened(decode(_nested_texts, data, f"{what}.data"), rows, 1, what)
    texts = decode(_flat_texts, data, f"{what}.data")
    _check_length(len(texts), rows, what)
    return texts


def texts_from_bytes(datatype: str, data: bytes, rows: int, what: str) -> list[str]:
    """Read a text a row: each is four bytes of its length, little-endian, and itself in UTF-8.

    Raises:
        BadRequest: The lengths do not add up, or a text is not UTF-8.
    """
    _check_text(datatype, what)
    texts, place = [], 0
    for row in range(rows):
        start = place + _PREFIX.size
        if start > len(data):
            raise BadRequest(f"{what} ends before row {row}: send {rows} texts, each behind its length.")
        place = start + _PREFIX.unpack_from(data, place)[0]
        if place > len(data):
            raise BadRequest(f"{what}, row {row}, is shorter than the length before it.")
        try:
            texts.append(data[start:place].decode())
        except UnicodeDecodeError:
            raise BadRequest(f"{what}, row {row}, is not UTF-8.") from None
    if place != len(data):
        raise BadRequest(f"{what} has bytes behind the last of its {rows} texts.")
    return texts


def texts_to_bytes(texts: Sequence[str]) -> bytes:
    """The bytes of a tensor of texts."""
    return b"".join(_PREFIX.pack(len(text)) + text for text in map(str.encode, texts))


def matrix_of(columns: Sequence[Values], rows: int) -> NDArray[np.float64]:
    """The columns side by side: rows by columns."""
    if all(type(column) is bytes for column in columns):
        by_column = np.frombuffer(b"".join(columns), "<f8").reshape(len(columns), rows)  # type: ignore[arg-type]
    elif all(type(column) is list for column in columns):
        by_column = np.array(columns, dtype=np.float64)
    else:
        by_column = np.array([array_of(column) for column in columns])
    return np.ascontiguousarray(by_column.T, dtype=np.float64)


def array_of(values: Values) -> NDArray[np.float64]:
    """The numbers as an array; None is NaN."""
    return np.frombuffer(values, "<f8") if isinstance(values, bytes) else np.asarray(values, dtype=np.float64)


def _check_numeric(datatype: str, what: str) -> None:
    if datatype not in _NUMERIC:
        raise BadRequest(f"{what} has a datatype that is not one of {', '.join(_NUMERIC)}: send FP64.")


def _check_text(datatype: str, what: str) -> None:
    if datatype != _TEXT:
        raise BadRequest(f"{what} has another datatype than {_TEXT}: send {_TEXT}.")


def _check_length(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        raise BadRequest(f"{what} has other than the {wanted} values of its shape in data: send as many.")


def _flattened(by_row: list[list[Any]], rows: int, width: int, what: str) -> list[Any]:
    if len(by_row) != rows or set(map(len, by_row)) != {width}:
        raise BadRequest(f"{what} has data that is nested otherwise than its shape: send {rows} lists of {width}.")
    return [value for row in by_row for value in row]


def _converted(datatype: str, values: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    """What a value of this datatype can hold of each number."""
    if datatype in _FLOATS:
        with np.errstate(over="ignore", under="ignore"):
            values = values.astype(_FLOATS[datatype]).astype(np.float64)
        sound = ~np.isinf(values)
    elif datatype in _WHOLE:
        bounds = np.iinfo(_WHOLE[datatype])
        sound = np.isnan(values) | ((values == np.floor(values)) & (values >= bounds.min) & (values <= bounds.max))
    else:
        return values
    if not sound.all():
        raise BadRequest(f"{what}.data[{int(np.argmin(sound))}] is no value of datatype {datatype}: send FP64.")
    return values
