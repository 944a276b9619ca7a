"""The JSON of the Open Inference Protocol as types: requests are decoded by them, the OpenAPI document is made of them.

No type quotes a request in its errors: no literals, no enumerations, no forbidden keys. What is not named is skipped.
"""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from mlreg_dagster.serving.protocols.answered import ModelParameters

_Length = Annotated[int, Meta(ge=0, le=2**40)]
_TensorData = Annotated[
    Raw,
    Meta(
        description="The values row by row, flat or nested as the shape; null is unknown.",
        extra_json_schema={"type": "array", "items": {}},
    ),
]


class InputParameters(Struct, frozen=True, kw_only=True):
    """Parameters of an input.

    Attributes:
        binary_data_size: Bytes of the tensor behind the JSON, where it has no `data`.
        names: Of `features` alone: the feature of each column, where they are not in the model's order.
    """

    binary_data_size: _Length | None = None
    names: list[str] | None = None


class InputTensor(Struct, frozen=True, kw_only=True):
    """An input: one feature, `features` (all of them), `instrument_id` or `hour`."""

    name: str
    shape: list[_Length]
    datatype: str
    parameters: InputParameters | None = None
    data: _TensorData | UnsetType = UNSET


class OutputParameters(Struct, frozen=True, kw_only=True):
    """Parameters of a requested output."""

    binary_data: bool | None = None


class RequestedOutput(Struct, frozen=True, kw_only=True):
    """An output that is to be answered."""

    name: str
    parameters: OutputParameters | None = None


class InferenceParameters(Struct, frozen=True, kw_only=True):
    """Parameters of a request.

    Attributes:
        binary_data_output: Whether outputs are sent as bytes behind the JSON, unless one says otherwise.
        reasons: Whether the reasons of each score are answered.
    """

    binary_data_output: bool = False
    reasons: bool = False


class InferenceRequest(Struct, frozen=True, kw_only=True):
    """A request to score rows."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: InferenceParameters | None = None
    outputs: list[RequestedOutput] | None = None


class AnsweredParameters(Struct, frozen=True, kw_only=True):
    """Parameters of an output that is sent as bytes."""

    binary_data_size: int


class OutputTensor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An output; without `data` it is sent as bytes."""

    name: str
    datatype: str
    shape: list[int]
    parameters: AnsweredParameters | UnsetType = UNSET
    data: list[float | bool | str | None] | UnsetType = UNSET


class InferenceResponse(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer."""

    model_name: str
    model_version: str
    id: str | UnsetType = UNSET
    parameters: ModelParameters
    outputs: list[OutputTensor]


class TensorMetadata(Struct, frozen=True, kw_only=True):
    """An input or output of a model; -1 stands for the number of rows."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Struct, frozen=True, kw_only=True):
    """What a model takes and answers."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    properties: dict[str, str]
