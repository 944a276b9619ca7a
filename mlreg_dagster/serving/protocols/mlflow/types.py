"""The JSON of `/invocations` as types: requests are decoded by them, the OpenAPI document is made of them."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from mlreg_dagster.serving.protocols.answered import ModelParameters
from mlreg_dagster.serving.scoring.reasons import Reason

_Rows = Annotated[
    Raw,
    Meta(
        description="The rows, each a list as long as columns; null is unknown.",
        extra_json_schema={
            "type": "array",
            "items": {"type": "array", "items": {"type": ["number", "string", "null"]}},
        },
    ),
]
_Records = Annotated[
    Raw,
    Meta(
        description="The rows, each an object of all columns; null is unknown.",
        extra_json_schema={
            "type": "array",
            "items": {"type": "object", "additionalProperties": {"type": ["number", "string", "null"]}},
        },
    ),
]


class SplitFrame(Struct, frozen=True, kw_only=True):
    """A data frame: the names of its columns, and its rows."""

    columns: list[str]
    data: _Rows


class InvocationParameters(Struct, frozen=True, kw_only=True):
    """Parameters of a request.

    Attributes:
        reasons: Whether the reasons of each score are answered.
    """

    reasons: bool = False


class Invocation(Struct, frozen=True, kw_only=True):
    """A request to score a data frame, in one of two forms."""

    dataframe_split: SplitFrame | UnsetType = UNSET
    dataframe_records: _Records | UnsetType = UNSET
    params: InvocationParameters | None = None


class Prediction(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a row; what is unknown is null, what was not asked for is left out."""

    score: float | None
    is_anomaly: bool
    distance: float | None
    training_quantile: float | None
    instrument_id: str | UnsetType = UNSET
    hour: str | UnsetType = UNSET
    reasons: list[Reason] | UnsetType = UNSET


class InvocationModel(ModelParameters, frozen=True, kw_only=True, omit_defaults=True):
    """The model that answered.

    Attributes:
        name: As it was asked for.
        version: That it stood for.
    """

    name: str
    version: str


class InvocationResponse(Struct, frozen=True, kw_only=True):
    """An answer."""

    predictions: list[Prediction]
    model: InvocationModel
