"""Types of fields that several documents share."""

from typing import Annotated, Literal

from msgspec import Meta

Time = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$",
        description="ISO 8601 with an offset.",
    ),
]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Version = Annotated[str, Meta(pattern="^v[1-9][0-9]*$", description="Of a model.")]
Key = Annotated[str, Meta(min_length=1, description="Stable; in snake_case, dots between nested names.")]
Count = Annotated[int, Meta(ge=0)]
State = Literal["incomplete", "against", "unknown", "complete"]
Scalar = bool | int | float | str | None
