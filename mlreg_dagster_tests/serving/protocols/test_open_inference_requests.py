"""Requests of the Open Inference Protocol, as clients write them, become the model's rows, bit by bit."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.protocols.open_inference.reading import read
from mlreg_dagster_tests.serving.protocols.bodies import (
    FEATURES,
    INSTRUMENTS,
    X,
    bits,
    by_triton,
    inference,
    nullable,
    tensor,
    tensors,
)

ROWS = 4096
KEYS = ("2017-12-20-00:00",) * 3

finite_or_unknown = st.floats(allow_infinity=False)
matrices = nps.arrays(np.float64, st.tuples(st.integers(1, 7), st.just(3)), elements=finite_or_unknown)
orders = st.permutations(range(3))


def asked(body: bytes, length: str | None = None) -> Asked:
    return read(body, length, FEATURES, ROWS)


@given(matrices, orders)
def test_json_gives_the_same_bits_in_whatever_order_the_features_come(values: Any, order: list[int]) -> None:
    inputs = tensors(values)
    found = asked(inference([inputs[i] for i in order])).X
    assert found is not None
    assert bits(found) == bits(values)
    assert found.flags.c_contiguous


@given(matrices, orders)
def test_binary_gives_the_same_bits_in_whatever_order_the_features_come(values: Any, order: list[int]) -> None:
    body, length = by_triton({FEATURES[i]: np.ascontiguousarray(values[:, i]) for i in order})
    assert bits(asked(body, length).X) == bits(values)


@given(matrices, orders)
def test_one_tensor_of_all_features_names_its_columns_or_has_them_in_the_order_of_the_model(
    values: Any, order: list[int]
) -> None:
    named = tensor("features", values[:, order], names=[FEATURES[i] for i in order])
    assert bits(asked(inference([named])).X) == bits(values)
    assert bits(asked(inference([tensor("features", values)])).X) == bits(values)
    assert bits(asked(*by_triton({"features": values})).X) == bits(values)


def test_data_may_be_flat_or_nested_and_a_column_may_have_two_dimensions() -> None:
    flat = {"name": "features", "shape": [3, 3], "datatype": "FP64", "data": nullable(X.ravel())}
    columns = [tensor(name, X[:, [i]]) for i, name in enumerate(FEATURES)]
    flat_columns = [{**each, "data": nullable(X[:, i])} for i, each in enumerate(columns)]
    for inputs in ([flat], columns, flat_columns):
        assert bits(asked(inference(inputs)).X) == bits(X)
    assert bits(asked(*by_triton({name: X[:, [i]] for i, name in enumerate(FEATURES)})).X) == bits(X)


def test_some_tensors_may_be_binary_and_others_json() -> None:
    part = np.ascontiguousarray(X[:, 1]).tobytes()
    inputs = tensors()
    inputs[1] = {**inputs[1], "parameters": {"binary_data_size": len(part)}}
    del inputs[1]["data"]
    head = inference(inputs)
    assert bits(asked(head + part, str(len(head))).X) == bits(X)


@pytest.mark.parametrize(
    "kind", ["f2", "f4", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"], ids=lambda kind: np.dtype(kind).name
)
def test_other_datatypes_are_taken_by_their_value(kind: str) -> None:
    dtype = np.dtype(kind)
    values = np.array([0, 1, 1], dtype) if kind == "?" else np.array([0, 1.1, 100], dtype)
    by_bytes = asked(*by_triton(dict.fromkeys(FEATURES, values))).X
    datatype = {"f": "FP", "i": "INT", "u": "UINT"}.get(dtype.kind, "BOOL") + (
        "" if kind == "?" else str(8 * dtype.itemsize)
    )
    by_json = asked(inference([tensor(name, values, datatype) for name in FEATURES])).X
    assert bits(by_bytes) == bits(by_json) == bits(np.repeat(values.astype(float), 3))


def test_a_number_of_a_smaller_datatype_in_json_is_what_that_datatype_holds_of_it() -> None:
    inputs = [{"name": name, "shape": [1], "datatype": "FP32", "data": [0.1]} for name in FEATURES]
    assert bits(asked(inference(inputs)).X) == bits([float(np.float32(0.1))] * 3)


@pytest.mark.parametrize("as_bytes", [False, True], ids=["json", "binary"])
def test_rows_may_have_names_and_hours(as_bytes: bool) -> None:
    hours = ("2017-12-20T00:00Z", "2017-12-20-00:00", "2017-12-20T01:00+01:00")
    if as_bytes:
        texts = {"hour": np.array(hours, object), "instrument_id": np.array(INSTRUMENTS, object)}
        columns = {name: np.ascontiguousarray(X[:, i]) for i, name in enumerate(FEATURES)}
        found = asked(*by_triton(texts | columns))
    else:
        texts = [tensor("hour", hours, "BYTES"), tensor("instrument_id", [[name] for name in INSTRUMENTS], "BYTES")]
        found = asked(inference([*texts, *tensors()]))
    assert found.instruments == INSTRUMENTS
    assert found.hours == KEYS
    assert bits(found.X) == bits(X)


@given(st.lists(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20), min_size=1, max_size=5))
def test_rows_are_asked_for_by_instrument_alone(names: list[str]) -> None:
    by_json = asked(inference([tensor("instrument_id", names, "BYTES")]))
    by_bytes = asked(*by_triton({"instrument_id": np.array(names, object)}))
    assert by_json.instruments == by_bytes.instruments == tuple(names)
    assert by_json.X is by_bytes.X is None
    assert len(by_json) == len(names)


def test_an_answer_is_asked_for_as_json_unless_a_request_says_otherwise() -> None:
    assert asked(inference()).binary == frozenset()
    assert asked(inference()).outputs is None
    everything = asked(inference(parameters={"binary_data_output": True}))
    assert {"score", "is_anomaly", "distance", "training_quantile", "reasons"} == everything.binary
    outputs = [{"name": "score", "parameters": {"binary_data": False}}, {"name": "distance"}]
    some = asked(inference(parameters={"binary_data_output": True}, outputs=outputs))
    assert some.outputs == ("score", "distance")
    assert some.binary == {"distance"}


def test_reasons_are_asked_for_as_an_output_or_by_a_parameter() -> None:
    assert not asked(inference()).reasons
    assert asked(inference(parameters={"reasons": True})).reasons
    assert asked(inference(outputs=[{"name": "reasons"}])).reasons


def test_a_request_may_have_an_id() -> None:
    assert asked(inference(id="mine-1")).request_id == "mine-1"
    assert asked(inference(id="")).request_id is None
    assert asked(inference()).request_id is None


def test_what_the_protocol_does_not_name_is_skipped() -> None:
    further = {"parameters": {"timeout": 5, "sequence_id": "x"}, "elsewhere": [{"deep": [1, 2]}]}
    assert bits(asked(inference(**further)).X) == bits(X)


def test_a_feature_may_be_called_as_the_tensor_of_all() -> None:
    body = json.dumps({"inputs": [tensor("features", [1.0]), tensor("rank", [2.0])]}).encode()
    assert bits(read(body, None, ("rank", "features"), ROWS).X) == bits([2.0, 1.0])


def test_any_nan_is_unknown_and_none_warns() -> None:
    signalling = np.full(1, 0x7FA00000, np.uint32).view(np.float32)
    body, length = by_triton(dict.fromkeys(FEATURES, signalling))
    assert bits(asked(body, length).X) == ["unknown"] * 3
