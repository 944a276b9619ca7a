"""A request of the Open Inference Protocol: from bytes to `Asked`."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from mlreg_dagster.serving.protocols.asked import Asked
from mlreg_dagster.serving.protocols.columns import (
    HOUR,
    INSTRUMENT,
    Places,
    check_row_count,
    find_columns,
    hours_of,
    instruments_of,
    request_id_of,
)
from mlreg_dagster.serving.protocols.decoding import decode
from mlreg_dagster.serving.protocols.open_inference.outputs import OUTPUTS, REASONS
from mlreg_dagster.serving.protocols.open_inference.quick import QuickRequest, read_quickly
from mlreg_dagster.serving.protocols.open_inference.tensors import (
    Values,
    array_of,
    matrix_of,
    numbers_from_bytes,
    numbers_from_json,
    texts_from_bytes,
    texts_from_json,
)
from mlreg_dagster.serving.protocols.open_inference.types import (
    InferenceParameters,
    InferenceRequest,
    InputParameters,
    InputTensor,
)
from mlreg_dagster.serving.protocols.problems import BadRequest

HEADER = "Inference-Header-Content-Length"
FEATURES = "features"
"""The name of a tensor that has all features as its columns."""

_request = msgspec.json.Decoder(InferenceRequest)
_no_parameters = InferenceParameters()
_no_input_parameters = InputParameters()


def read(body: bytes, json_length: str | None, features: Sequence[str], most_rows: int) -> Asked:
    """Read a request.

    Args:
        body: JSON, with the bytes of binary tensors behind it.
        json_length: The header `Inference-Header-Content-Length`; None where there is none.
        features: Those of the model that is asked.
        most_rows: That the server takes at once.

    Raises:
        Refused: Anything about the request is wrong.
    """
    if json_length is None and (quick := read_quickly(body, features, most_rows)) is not None:
        return _asked(*quick, None, None)
    head, tail = _cut(body, json_length)
    request = decode(_request, head, "The body")
    inputs = request.inputs
    names = [tensor.name for tensor in inputs]
    whole = names.index(FEATURES) if FEATURES in names and FEATURES not in features else None
    places = _find(inputs, names, features, whole)
    rows = _rows(inputs, whole, len(features), most_rows)
    parts = list(_parts(inputs, tail))
    X = None if places.features is None else _matrix(inputs, parts, places.features, rows, whole)
    instruments = _texts(inputs, parts, places.instrument, rows)
    hours = _texts(inputs, parts, places.hour, rows)
    return _asked(
        request,
        X,
        None if instruments is None else instruments_of(instruments, f"inputs[{places.instrument}]"),
        None if hours is None else hours_of(hours, f"inputs[{places.hour}]"),
    )


def _asked(
    request: InferenceRequest | QuickRequest,
    X: NDArray[np.float64] | None,
    instruments: tuple[str, ...] | None,
    hours: tuple[str, ...] | None,
) -> Asked:
    parameters = request.parameters or _no_parameters
    outputs, binary = _outputs(request, parameters)
    return Asked(
        X=X,
        instruments=instruments,
        hours=hours,
        request_id=request_id_of(request.id),
        outputs=outputs,
        binary=binary,
        reasons=parameters.reasons or (outputs is not None and REASONS in outputs),
    )


def _cut(body: bytes, json_length: str | None) -> tuple[bytes, bytes]:
    if json_length is None:
        return body, b""
    if not (json_length.isascii() and json_length.isdigit() and len(json_length) <= 12) or int(json_length) > len(body):
        raise BadRequest(f"The header {HEADER} is no length within the body: send the number of bytes of the JSON.")
    return body[: int(json_length)], body[int(json_length) :]


def _find(inputs: list[InputTensor], names: list[str], features: Sequence[str], whole: int | None) -> Places:
    if whole is None:
        return find_columns(names, features, "inputs")
    extra = next((number for number, name in enumerate(names) if name not in {FEATURES, INSTRUMENT, HOUR}), None)
    if extra is not None:
        raise BadRequest(f"inputs[{extra}] stands beside {FEATURES}: send either one tensor or one for each feature.")
    listed = (inputs[whole].parameters or _no_input_parameters).names
    place_of = find_columns(names, (FEATURES,), "inputs")
    of_columns = find_columns(features if listed is None else listed, features, f"inputs[{whole}].parameters.names")
    if of_columns.instrument is not None or of_columns.hour is not None or of_columns.features is None:
        raise BadRequest(f"inputs[{whole}].parameters.names has names of no features: send the model's features alone.")
    return Places(of_columns.features, place_of.instrument, place_of.hour)


def _rows(inputs: list[InputTensor], whole: int | None, width: int, most: int) -> int:
    """The number of rows in which all shapes agree, before any data is read."""
    rows = None
    for number, tensor in enumerate(inputs):
        shape = tensor.shape
        wanted = [width] if number == whole else [1]
        if shape[1:] != wanted and (len(shape) != 1 or number == whole):
            form = f"[rows, {width}]" if number == whole else "[rows] or [rows, 1]"
            raise BadRequest(f"inputs[{number}] has a shape other than {form}.")
        if rows is None:
            rows = shape[0]
            check_row_count(rows, most)
        elif shape[0] != rows:
            raise BadRequest(f"inputs[{number}] has other than the {rows} rows of inputs[0]: send as many.")
    return rows or 0


def _parts(inputs: list[InputTensor], tail: bytes) -> Iterator[bytes | None]:
    """The bytes of each tensor; None where its data is in the JSON."""
    start = 0
    for number, tensor in enumerate(inputs):
        size = (tensor.parameters or _no_input_parameters).binary_data_size
        if (size is None) == (tensor.data is UNSET):
            raise BadRequest(f"inputs[{number}] needs either data or parameters.binary_data_size, and not both.")
        if size is None:
            yield None
            continue
        if start + size > len(tail):
            raise BadRequest(f"inputs[{number}] has a binary_data_size beyond the end of the body.")
        yield tail[start : start + size]
        start += size
    if start != len(tail):
        raise BadRequest(f"The body has bytes that are of no tensor: the sizes and the header {HEADER} must add up.")


def _matrix(
    inputs: list[InputTensor], parts: list[bytes | None], order: list[int], rows: int, whole: int | None
) -> NDArray[np.float64]:
    if whole is not None:
        values = array_of(_numbers(inputs[whole], parts[whole], rows, len(order), f"inputs[{whole}]"))
        X = np.ascontiguousarray(values.reshape(rows, len(order))[:, order])
    else:
        X = matrix_of([_numbers(inputs[i], parts[i], rows, 1, f"inputs[{i}]") for i in order], rows)
    infinite = np.isinf(X)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        number = order[column] if whole is None else whole
        raise BadRequest(f"inputs[{number}], row {row}, is infinite: send a finite number, or NaN for unknown.")
    return X


def _numbers(tensor: InputTensor, part: bytes | None, rows: int, width: int, what: str) -> Values:
    if part is not None:
        return numbers_from_bytes(tensor.datatype, part, rows * width, what)
    return numbers_from_json(tensor.datatype, tensor.data, rows, width, what)  # type: ignore[arg-type]


def _texts(inputs: list[InputTensor], parts: list[bytes | None], number: int | None, rows: int) -> list[str] | None:
    if number is None:
        return None
    tensor, part = inputs[number], parts[number]
    if part is not None:
        return texts_from_bytes(tensor.datatype, part, rows, f"inputs[{number}]")
    return texts_from_json(tensor.datatype, tensor.data, rows, f"inputs[{number}]")  # type: ignore[arg-type]


def _outputs(
    request: InferenceRequest | QuickRequest, parameters: InferenceParameters
) -> tuple[tuple[str, ...] | None, frozenset[str]]:
    if not request.outputs:
        return None, frozenset(OUTPUTS) if parameters.binary_data_output else frozenset()
    names, binary = [], set()
    for number, output in enumerate(request.outputs):
        if output.name not in OUTPUTS:
            raise BadRequest(f"outputs[{number}] is not one of {', '.join(OUTPUTS)}.")
        if output.name in names:
            raise BadRequest(f"outputs[{number}] is there twice: send each output once.")
        names.append(output.name)
        wish = output.parameters.binary_data if output.parameters else None
        if parameters.binary_data_output if wish is None else wish:
            binary.add(output.name)
    return tuple(names), frozenset(binary)
