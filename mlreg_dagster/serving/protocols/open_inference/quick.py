"""The commonest request, read in one pass: a small body of JSON with one tensor of FP64 for each feature.

Anything else is left to `reading`, which also says what is wrong with it.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mlreg_dagster.serving.protocols.open_inference.types import InferenceParameters, InputParameters, RequestedOutput

LARGEST = 64 << 10
"""Bytes of a body whose values are made before their number is compared with the shapes."""


class QuickTensor(Struct, frozen=True, kw_only=True, gc=False):
    """An input with its values."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float | None]
    parameters: InputParameters | None = None


class QuickRequest(Struct, frozen=True, kw_only=True):
    """A request with its values."""

    inputs: list[QuickTensor]
    id: str | None = None
    parameters: InferenceParameters | None = None
    outputs: list[RequestedOutput] | None = None


_request = msgspec.json.Decoder(QuickRequest)
_no_such_request = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError)


def read_quickly(
    body: bytes, features: Sequence[str], most_rows: int
) -> tuple[QuickRequest, NDArray[np.float64]] | None:
    """The request, and its rows by features; None where it is of another form, or wrong.

    Args:
        body: JSON alone.
        features: Those of the model that is asked.
        most_rows: That the server takes at once.
    """
    if len(body) > LARGEST:
        return None
    try:
        request = _request.decode(body)
    except _no_such_request:
        return None
    inputs = request.inputs
    data = {tensor.name: tensor.data for tensor in inputs}
    if len(data) != len(inputs) or len(data) != len(features):
        return None
    rows = len(inputs[0].data)
    shapes = ([rows], [rows, 1])
    for tensor in inputs:
        if (
            tensor.shape not in shapes
            or len(tensor.data) != rows
            or tensor.datatype != "FP64"
            or tensor.parameters is not None
        ):
            return None
    if not 1 <= rows <= most_rows or not data.keys() >= set(features):
        return None
    columns = np.array([data[name] for name in features], dtype=np.float64)
    return request, np.ascontiguousarray(columns.T)
