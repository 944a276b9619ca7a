"""What is read in one pass is what the careful reading makes of it, and is refused where that refuses."""

import numpy as np
import pytest

from mlreg_dagster.serving.protocols.open_inference import quick
from mlreg_dagster.serving.protocols.open_inference.quick import read_quickly
from mlreg_dagster.serving.protocols.open_inference.reading import read
from mlreg_dagster.serving.protocols.problems import Refused
from mlreg_dagster_tests.serving.protocols.bodies import FEATURES, bits, inference, tensor, tensors
from mlreg_dagster_tests.serving.protocols.mutating import mutated, sound

ROWS = 100


def outcome(sent):
    """What a request is read as; or the words in which it is refused."""
    try:
        asked = read(sent.body, sent.json_length, FEATURES, ROWS)
    except Refused as refused:
        return str(refused)
    X = None if asked.X is None else (asked.X.shape, bits(asked.X))
    return X, asked.instruments, asked.hours, asked.request_id, asked.outputs, asked.binary, asked.reasons


def test_both_ways_read_and_refuse_alike(monkeypatch):
    sents = [each for each in [*sound(FEATURES, "a"), *mutated(sound(FEATURES, "a"), 1500)] if each.path == "infer"]
    quickly = [read_quickly(each.body, FEATURES, ROWS) for each in sents if each.json_length is None]
    assert sum(found is not None for found in quickly) > 10
    found = [outcome(each) for each in sents]
    monkeypatch.setattr(quick, "LARGEST", -1)
    assert found == [outcome(each) for each in sents]


@pytest.mark.parametrize(
    "inputs",
    [
        tensors()[::-1],
        [{**each, "shape": [3, 1]} for each in tensors()],
        tensors(np.full((1, len(FEATURES)), np.nan)),
    ],
)
def test_a_tensor_a_feature_in_any_order_is_read_in_one_pass(inputs, monkeypatch):
    body = inference(inputs, id="mine", outputs=[{"name": "score"}], parameters={"reasons": True})
    assert read_quickly(body, FEATURES, ROWS) is not None
    found = read(body, None, FEATURES, ROWS)
    assert found.X.flags.c_contiguous
    monkeypatch.setattr(quick, "LARGEST", -1)
    careful = read(body, None, FEATURES, ROWS)
    assert bits(found.X) == bits(careful.X)
    assert (found.request_id, found.outputs, found.reasons) == (careful.request_id, careful.outputs, careful.reasons)


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        tensors()[1:],
        [*tensors(), tensors()[0]],
        [*tensors(), tensor("instrument_id", ["a", "b", "c"], "BYTES")],
        [{**each, "datatype": "FP32"} for each in tensors()],
        [{**each, "shape": [2]} for each in tensors()],
        [{**each, "data": [each["data"]]} for each in tensors()],
        [{**each, "data": each["data"][:2]} for each in tensors()],
        [{**each, "parameters": {"binary_data_size": 24}} for each in tensors()],
    ],
)
def test_anything_else_is_left_to_the_careful_reading(inputs):
    assert read_quickly(inference(inputs), FEATURES, ROWS) is None


def test_large_bodies_and_too_many_rows_are_left_to_the_careful_reading():
    assert read_quickly(inference(tensors(np.zeros((ROWS + 1, len(FEATURES))))), FEATURES, ROWS) is None
    assert read_quickly(inference() + b" " * quick.LARGEST, FEATURES, ROWS) is None
