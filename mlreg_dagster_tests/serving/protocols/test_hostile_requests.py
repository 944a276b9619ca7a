"""Hostile requests end in a refusal that says where and what to do, and quotes nothing."""

import json
import re
import struct
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

from mlreg_dagster.serving.protocols.mlflow.reading import read as read_mlflow
from mlreg_dagster.serving.protocols.open_inference.reading import read
from mlreg_dagster.serving.protocols.problems import BadRequest, Refused, TooLarge
from mlreg_dagster_tests.serving.protocols.bodies import FEATURES, X, by_triton, inference, split, tensor, tensors

ROWS = 100
SECRET = "s3cr3t-value"


def refusal(body: bytes, length: str | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        read(body, length, FEATURES, ROWS)
    return caught.value


def changed(number: int, **fields: Any) -> bytes:
    """A sound request with other fields in one of its inputs."""
    inputs = tensors()
    inputs[number] |= fields
    return inference([{key: value for key, value in each.items() if value is not ...} for each in inputs])


def raw(data: str, shape: str = "[1]", datatype: str = "FP64") -> bytes:
    """A request of one row in which each input has this data, as it stands."""
    each = f'{{"name": "%s", "shape": {shape}, "datatype": "{datatype}", "data": {data}}}'
    return f'{{"inputs": [{", ".join(each % name for name in FEATURES)}]}}'.encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "cut short", id="empty"),
        pytest.param(b"[]", "expected `object`", id="a list"),
        pytest.param(b"{}", "missing required field `inputs`", id="no inputs"),
        pytest.param(inference()[:-1], "cut short", id="cut"),
        pytest.param(inference() + b"x", "trailing characters", id="more"),
        pytest.param(raw("[NaN]"), "has NaN at byte .* send null", id="NaN"),
        pytest.param(raw("[-Infinity]"), "has Infinity at byte .* send null", id="Infinity"),
        pytest.param(raw("[1e999]"), r"inputs\[0\].data does not fit at .*number out of range", id="1e999"),
        pytest.param(raw(f"[{'9' * 4000}]"), "number out of range", id="4000 digits"),
        pytest.param(raw("[1]", f"[{'9' * 4000}]"), "", id="4000 digits of a shape"),
        pytest.param(raw("[1]", f"[{2**40}]"), "more than 100 rows", id="a huge shape"),
        pytest.param(raw("[1]", f"[1, {2**40}]"), "a shape other than", id="a huge second dimension"),
        pytest.param(raw("[1]", f"[{2**32}, {2**32}]"), "a shape other than", id="a shape that overflows"),
        pytest.param(raw("[1]", "[-1]"), "expected `int` >= 0", id="a negative shape"),
        pytest.param(raw("[1]", "[1.5]"), "expected `int`", id="a broken shape"),
        pytest.param(raw("[1]", "[]"), "a shape other than", id="no shape"),
        pytest.param(raw("[1]", str([1] * 40)), "a shape other than", id="forty dimensions"),
        pytest.param(raw("[]", "[0]"), "no rows", id="no rows"),
        pytest.param(raw("[" * 100_000), "nested too deeply", id="100k nesting of data"),
        pytest.param(b'{"x": ' + b"[" * 100_000, "nested too deeply", id="100k nesting"),
        pytest.param(b'{"x": ' + b'{"x":' * 100_000, "nested too deeply", id="100k nesting of objects"),
        pytest.param(raw("[[[1]]]"), "expected `float", id="nested deeper than the shape"),
        pytest.param(raw("[[1], 2]", "[2, 1]"), "expected `array`", id="nested here and there"),
        pytest.param(raw("[[1, 2]]", "[2, 1]"), "nested otherwise", id="nested otherwise"),
        pytest.param(raw("[1, 2]"), "other than the 1 values", id="too many values"),
        pytest.param(raw("[1]", "[2]"), "other than the 2 values", id="too few values"),
        pytest.param(raw("[]", "[1]"), "other than the 1 values", id="no values"),
        pytest.param(raw("null"), "expected `array`", id="data is null"),
        pytest.param(raw("[true]"), "expected `float", id="a bool"),
        pytest.param(raw('["1"]'), "expected `float", id="a text"),
        pytest.param(raw("[1.5]", datatype="INT64"), "no value of datatype INT64", id="a fraction as INT64"),
        pytest.param(raw("[256]", datatype="UINT8"), "no value of datatype UINT8", id="256 as UINT8"),
        pytest.param(raw("[1e39]", datatype="FP32"), "no value of datatype FP32", id="1e39 as FP32"),
        pytest.param(raw("[1]", datatype="BOOL"), "expected `bool", id="1 as BOOL"),
        pytest.param(raw('["1"]', datatype="BYTES"), "not one of FP16", id="BYTES for a feature"),
        pytest.param(raw("[1]", datatype=SECRET), "not one of FP16", id="no datatype"),
        pytest.param(inference().replace(b"rank", b"\xff\xfe"), "UTF-8|malformed", id="bad UTF-8 in a name"),
        pytest.param(changed(0, name="rank"), r"inputs\[0\] and inputs\[2\] have one name", id="a name twice"),
        pytest.param(changed(0, name=SECRET), "lacks features of the model: change_1h_pct;", id="another name"),
        pytest.param(inference([*tensors(), tensor(SECRET, [1.0])]), r"inputs\[3\] is not one of", id="one more name"),
        pytest.param(inference([]), "none of the model's features", id="no inputs at all"),
        pytest.param(inference([tensor("hour", ["x"], "BYTES")]), "none of the model's features", id="hours alone"),
        pytest.param(changed(0, data=...), "needs either data or", id="no data"),
        pytest.param(changed(0, parameters={"binary_data_size": 24}), "and not both", id="data twice"),
        pytest.param(changed(0, parameters={"binary_data_size": -8}), "expected `int` >= 0", id="a negative size"),
        pytest.param(changed(1, shape=[2]), "other than the 3 rows", id="fewer rows in one"),
        pytest.param(inference(outputs=[{"name": SECRET}]), r"outputs\[0\] is not one of score", id="another output"),
        pytest.param(inference(outputs=[{"name": "score"}] * 2), r"outputs\[1\] is there twice", id="an output twice"),
        pytest.param(inference(id="x" * 1000), "id of the request is no name", id="a long id"),
        pytest.param(inference(id="a\r\nb"), "id of the request is no name", id="an id of two lines"),
        pytest.param(inference(id=7), "expected `str", id="an id that is a number"),
        pytest.param(
            inference([*tensors(), tensor("features", X)]), "stands beside features", id="features once more"
        ),
        pytest.param(inference([tensor("features", X[:, :2])]), r"a shape other than \[rows, 3\]", id="two columns"),
        pytest.param(inference([tensor("features", X, names=["rank"] * 3)]), "have one name", id="names twice"),
        pytest.param(
            inference([tensor("features", X, names=["rank", "hour", "x"])]), "names lacks features", id="other names"
        ),
        pytest.param(inference([tensor("features", X, names=["instrument_id"])]), "no features", id="other columns"),
        pytest.param(inference([tensor("instrument_id", [""], "BYTES")]), "row 0 is no name", id="an empty name"),
        pytest.param(inference([tensor("instrument_id", ["x" * 201], "BYTES")]), "row 0 is no name", id="a long name"),
        pytest.param(inference([tensor("instrument_id", [1.0])]), "another datatype than BYTES", id="a number"),
        pytest.param(
            inference([*tensors(), tensor("hour", ["2017-12-20T00:30"] * 3, "BYTES")]), "no.* a whole hour", id="half"
        ),
        pytest.param(
            inference([tensor("hour", ["2017-12-20"], "BYTES"), tensor("instrument_id", ["x"], "BYTES")]),
            "the newest hour is answered",
            id="an hour without features",
        ),
    ],
)  # fmt: skip
def test_json(body: bytes, words: str) -> None:
    refused = refusal(body)
    assert_plain(refused, words)


def binary(size: int | None = None, length: str | None = None, part: bytes | None = None, **fields: Any) -> Any:
    """A sound binary request of three tensors, with one thing wrong."""
    inputs = [
        {"name": name, "shape": [3], "datatype": "FP64", "parameters": {"binary_data_size": 24}} for name in FEATURES
    ]
    inputs[1] |= fields
    if size is not None:
        inputs[1]["parameters"] = {"binary_data_size": size}
    parts = [np.ascontiguousarray(X[:, i]).tobytes() for i in range(3)]
    if part is not None:
        parts[1] = part
    head = inference(inputs)
    return head + b"".join(parts), str(len(head)) if length is None else length


def text(*prefixed: tuple[int, bytes]) -> Any:
    """A tensor of texts whose lengths are as stated."""
    part = b"".join(struct.pack("<I", length) + content for length, content in prefixed)
    tensor = {
        "name": "instrument_id",
        "shape": [len(prefixed)],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(part)},
    }
    head = inference([tensor])
    return head + part, str(len(head))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        pytest.param(binary(size=8), "other than the 24 bytes|of no tensor", id="too small a size"),
        pytest.param(binary(size=2**40), "beyond the end of the body", id="a huge size"),
        pytest.param(binary(size=32), "beyond the end of the body", id="too large a size"),
        pytest.param(binary(part=b"\0" * 23), "beyond the end of the body", id="a byte less"),
        pytest.param(binary(part=b"\0" * 25), "bytes that are of no tensor", id="a byte more"),
        pytest.param(binary(datatype="FP32"), "other than the 12 bytes", id="another datatype"),
        pytest.param(binary(shape=[2]), "other than the 3 rows", id="another shape"),
        pytest.param(binary(part=np.array([1, np.inf, 0.0]).tobytes()), r"inputs\[1\], row 1, is infinite", id="inf"),
        pytest.param(binary(part=np.array([-np.inf, 1, 0.0]).tobytes()), "row 0, is infinite", id="-inf"),
        pytest.param(
            binary(datatype="BOOL", size=3, part=b"\0\1\2"), "bytes other than 0 and 1", id="a bool that is 2"
        ),
        pytest.param(binary(length="0"), "cut short", id="header 0"),
        pytest.param(binary(length="-1"), "no length within the body", id="header -1"),
        pytest.param(binary(length="1e3"), "no length within the body", id="header 1e3"),
        pytest.param(binary(length="²"), "no length within the body", id="header ²"),
        pytest.param(binary(length=""), "no length within the body", id="header empty"),
        pytest.param(binary(length="9" * 5000), "no length within the body", id="header of 5000 digits"),
        pytest.param(binary(length="99999"), "no length within the body", id="header beyond the body"),
        pytest.param(binary(length="40"), "cut short|malformed", id="header within the JSON"),
        pytest.param((binary()[0], None), "malformed|trailing|UTF-8", id="no header"),
        pytest.param(text((2**32 - 1, b"x")), "row 0, is shorter", id="a lying length"),
        pytest.param(text((2, b"x")), "row 0, is shorter", id="a length that is one more"),
        pytest.param(text((0, b"x")), "bytes behind the last", id="a length that is less"),
        pytest.param(text((1, b"xab"), (1, b"y")), "row 1, is shorter", id="lengths that run into each other"),
        pytest.param(text((2, b"\xff\xfe")), "row 0, is not UTF-8", id="a text that is not UTF-8"),
        pytest.param(text((0, b"")), "row 0 is no name", id="an empty text"),
    ],
)
def test_binary_tensors(request_: Any, words: str) -> None:
    assert_plain(refusal(*request_), words)


def assert_plain(refused: Refused, words: str) -> None:
    message = str(refused)
    assert re.search(words, message), message
    assert 400 <= refused.status < 500
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 400
    assert SECRET not in message


def test_a_request_of_too_many_rows_costs_no_more_than_its_bytes() -> None:
    rows = 1_000_000
    by_json = json.dumps(
        {"inputs": [{"name": "features", "shape": [rows, 3], "datatype": "FP64", "data": []}]}
    ).encode()
    many = json.dumps(
        {"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP64", "data": [0] * rows}]}
    ).encode()
    lying, length = text((2**32 - 1, b"x"))
    frame = split(np.zeros((rows // 10, 3)))
    wide = json.dumps({"dataframe_split": {"columns": FEATURES, "data": [[0] * rows]}}).encode()
    peaks = []
    for body, header, reader in [
        (by_json, None, read),
        (many, None, read),
        (lying, length, read),
        (frame, None, read_mlflow),
        (wide, None, read_mlflow),
    ]:
        tracemalloc.start()
        with pytest.raises(Refused):
            reader(body, header, FEATURES, ROWS)
        peaks.append(tracemalloc.get_traced_memory()[1] - 2 * len(body))
        tracemalloc.stop()
    assert max(peaks) < 100_000, peaks


def test_too_many_rows_have_a_status_of_their_own() -> None:
    body, length = by_triton({name: np.zeros(ROWS + 1) for name in FEATURES})
    assert isinstance(refusal(body, length), TooLarge)
    assert not isinstance(refusal(body, length), BadRequest)
    assert len(read(*by_triton({name: np.zeros(ROWS) for name in FEATURES}), FEATURES, ROWS)) == ROWS


@pytest.mark.parametrize("filler", [b"[", b'{"a":', b"[1,", b'"', b"\\", b'["', b"9", b"[[],", b'{"inputs":['])
def test_four_megabytes_of_nonsense_are_refused_at_once(filler: bytes) -> None:
    body = b'{"inputs":' + filler * (4_000_000 // len(filler))
    frame = b'{"dataframe_split":{"columns":["instrument_id"],"data":' + filler * (4_000_000 // len(filler))
    records = b'{"dataframe_records":' + filler * (4_000_000 // len(filler)) + b"}"
    started = time.process_time()
    refusal(body)
    for each in (frame, records):
        with pytest.raises(Refused):
            read_mlflow(each, None, FEATURES, ROWS)
    assert time.process_time() - started < 2
