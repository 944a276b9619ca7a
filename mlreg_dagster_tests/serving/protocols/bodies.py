"""Bodies of requests, well formed, as clients write them."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tritonclient.http import InferenceServerClient, InferInput

FEATURES = ("change_1h_pct", "volatility_7d_pct", "rank")
X = np.array([[0.1, 2.5, 3.0], [-1e-300, np.nan, 0.30000000000000004], [np.pi, -0.0, 1e300]])
INSTRUMENTS = ("bitcoin", "ethereum", "dogecoin")


def bits(values: Any) -> list[str]:
    """Each number exactly; any NaN is unknown."""
    return ["unknown" if value != value else float(value).hex() for value in np.asarray(values).ravel()]


def nullable(values: Any) -> Any:
    """The values as lists in which NaN is None, as JSON wants it."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, list):
        return [nullable(value) for value in values]
    return None if values != values else values


def tensor(name: str, values: Any, datatype: str = "FP64", **parameters: Any) -> dict[str, Any]:
    """An input with its data in JSON."""
    array = np.asarray(values)
    made = {"name": name, "shape": list(array.shape), "datatype": datatype, "data": nullable(array)}
    return made | ({"parameters": parameters} if parameters else {})


def tensors(X: NDArray[np.float64] = X, features: Sequence[str] = FEATURES) -> list[dict[str, Any]]:
    """One input a feature."""
    return [tensor(name, X[:, number]) for number, name in enumerate(features)]


def inference(inputs: list[Any] | None = None, **further: Any) -> bytes:
    """A request of the Open Inference Protocol in JSON."""
    return json.dumps({"inputs": tensors() if inputs is None else inputs, **further}).encode()


def by_triton(columns: dict[str, NDArray[Any]], **further: Any) -> tuple[bytes, str | None]:
    """A request as tritonclient writes it, and the header that goes with it."""
    inputs = []
    for name, values in columns.items():
        kind = {"f8": "FP64", "f4": "FP32", "f2": "FP16", "b1": "BOOL", "O": "BYTES"}.get(values.dtype.str[1:])
        kind = kind or f"{'U' * (values.dtype.kind == 'u')}INT{8 * values.dtype.itemsize}"
        inputs.append(InferInput(name, list(values.shape), kind).set_data_from_numpy(values))
    body, length = InferenceServerClient.generate_request_body(inputs, **further)
    return body, None if length is None else str(length)


def split(X: NDArray[np.float64] = X, columns: Sequence[str] = FEATURES, **further: Any) -> bytes:
    """A split data frame."""
    return json.dumps({"dataframe_split": {"columns": list(columns), "data": nullable(X)}, **further}).encode()


def records(X: NDArray[np.float64] = X, columns: Sequence[str] = FEATURES, **further: Any) -> bytes:
    """A data frame as records."""
    rows = [dict(zip(columns, row, strict=True)) for row in nullable(X)]
    return json.dumps({"dataframe_records": rows, **further}).encode()
