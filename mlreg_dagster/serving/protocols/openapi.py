"""The OpenAPI document of the server: its routes and every answer that they give, with the types of the protocols."""

import inspect
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

from mlreg_dagster.core.version import __version__
from mlreg_dagster.serving.protocols.mlflow.types import Invocation, InvocationResponse
from mlreg_dagster.serving.protocols.open_inference.reading import HEADER
from mlreg_dagster.serving.protocols.open_inference.types import InferenceRequest, InferenceResponse, ModelMetadata
from mlreg_dagster.serving.protocols.problems import MEDIA_TYPE, Problem
from mlreg_dagster.serving.protocols.routing_key import HEADER as ROUTING_KEY
from mlreg_dagster.serving.protocols.routing_key import PATTERN
from mlreg_dagster.serving.protocols.server_metadata import ServerMetadata

_JSON, _BINARY, _TEXT = "application/json", "application/octet-stream", "text/plain"
_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)
_NAME = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,100}$"}

_ALWAYS = (405, 408, 431, 500, 503)
_WITH_KEY = (401, 403, 429)
_SCORING = (400, 404, 409, 413, 415)
_WHEN = {
    400: "The request has another form than it should.",
    401: "The server asks for a key, and the request has none that it knows.",
    403: "The key may not do this.",
    404: "There is no such model, version or instrument.",
    405: "The route does not know this method.",
    408: "The header or the body did not arrive in time.",
    409: "The model has no reasons to give, or learned from other features than those of the newest hour.",
    413: "The body is too large, or has too many rows.",
    415: "The body is of another kind, or compressed.",
    429: "The key has used up its rate.",
    431: "The header is too large.",
    500: "The server has a defect.",
    503: "The server can't answer now: it is busy, being stopped, not ready, or can't write its log. Try again.",
}
_HEADERS = {
    401: {"WWW-Authenticate": "How a key is sent."},
    405: {"Allow": "The methods of the route."},
    429: {"Retry-After": "Seconds to wait."},
    503: {"Retry-After": "Seconds to wait."},
}


class ModelReady(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is loaded."""

    name: str
    version: str
    ready: bool


class ServerLive(msgspec.Struct, frozen=True, kw_only=True):
    """A server that answers."""

    live: bool


class ServerReady(msgspec.Struct, frozen=True, kw_only=True):
    """A server that can answer requests."""

    ready: bool


@dataclass(frozen=True)
class _Operation:
    """What a route does.

    Attributes:
        name: Of the operation.
        summary: A sentence.
        answers: Media types of its answer, with their types; None: anything of this media type.
        takes: The same of its request, where it has one.
        refusals: The status of each, besides those that every route has.
        has_key: Whether it asks for a key.
        example: Of a request.
    """

    name: str
    summary: str
    answers: dict[str, type | None]
    takes: dict[str, type | None] = field(default_factory=dict)
    refusals: tuple[int, ...] = ()
    has_key: bool = True
    example: Any = None


_INFER = _Operation(
    "infer",
    "Score rows by the Open Inference Protocol, in JSON or with binary tensors behind it.",
    {_JSON: InferenceResponse, _BINARY: None},
    {_JSON: InferenceRequest, _BINARY: None},
    _SCORING,
    example={"inputs": [{"name": "instrument_id", "shape": [1], "datatype": "BYTES", "data": ["bitcoin"]}]},
)
_INVOKE = _Operation(
    "invoke",
    "Score a data frame by MLflow's protocol.",
    {_JSON: InvocationResponse},
    {_JSON: Invocation},
    _SCORING,
    example={"dataframe_split": {"columns": ["instrument_id"], "data": [["bitcoin"]]}},
)
_MODEL = _Operation("model", "What a model takes and answers.", {_JSON: ModelMetadata}, refusals=(404,))
_READY = _Operation("model_ready", "Whether a model is loaded.", {_JSON: ModelReady}, refusals=(404,))

_OF_MODEL = "/v2/models/{name}"
_OF_VERSION = f"{_OF_MODEL}/versions/{{version}}"

_ROUTES = {
    "/v2": _Operation(
        "server", "What the server is and serves, and how old its knowledge is.", {_JSON: ServerMetadata}
    ),
    "/v2/health/live": _Operation("live", "Whether the process answers.", {_JSON: ServerLive}, has_key=False),
    "/v2/health/ready": _Operation("ready", "Whether the server can answer.", {_JSON: ServerReady}, has_key=False),
    _OF_MODEL: _MODEL,
    f"{_OF_MODEL}/ready": _READY,
    f"{_OF_MODEL}/infer": _INFER,
    _OF_VERSION: _MODEL,
    f"{_OF_VERSION}/ready": _READY,
    f"{_OF_VERSION}/infer": _INFER,
    "/invocations": _INVOKE,
    "/endpoints/{name}/invocations": _INVOKE,
    "/ping": _Operation("ping", "Whether the server can answer, for MLflow's clients.", {_TEXT: None}, has_key=False),
    "/version": _Operation("version", "The release of the server.", {_TEXT: None}),
    "/openapi.json": _Operation("openapi", "This document.", {_JSON: None}),
}


def document() -> bytes:
    """The document, as JSON."""
    types = {kind for each in _ROUTES.values() for kind in (*each.takes.values(), *each.answers.values()) if kind}
    _, components = msgspec.json.schema_components([*types, Problem], ref_template="#/components/schemas/{name}")
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "mlreg serve",
            "version": __version__,
            "description": "Scores rows of a market by the models that a registry names: the Open Inference Protocol, "
            "version 2, with its binary tensor extension, and MLflow's protocol of scoring servers. Problems are "
            "documents as of RFC 9457.",
        },
        "paths": {path: _path(path, operation) for path, operation in _ROUTES.items()},
        "components": {
            "schemas": {name: _described(schema) for name, schema in sorted(components.items())},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }
    return msgspec.json.encode(document)


def _path(path: str, operation: _Operation) -> dict[str, Any]:
    """The one operation of a path, and what stands in braces in it."""
    names = re.findall(r"{(\w+)}", path)
    method = "post" if operation.takes else "get"
    described: dict[str, Any] = {
        "operationId": "_of_".join([operation.name, *names]),
        "summary": operation.summary,
        "responses": _responses(operation),
    }
    if operation.has_key:  # a server without a file of keys asks for none
        described["security"] = [{}, {"bearer": []}, {"key": []}]
    if operation.takes:
        described["requestBody"] = {"required": True, "content": _content(operation.takes, operation.example)}
    if operation.takes:
        described["parameters"] = _headers_of(operation)
    item: dict[str, Any] = {method: described}
    if names:
        item["parameters"] = [{"name": name, "in": "path", "required": True, "schema": _NAME} for name in names]
    return item


def _headers_of(operation: _Operation) -> list[dict[str, Any]]:
    """The headers of a request that has rows scored."""
    found = {ROUTING_KEY: (PATTERN, "Requests with one key get one version while an alias is rolled out.")}
    if _BINARY in operation.takes:
        found[HEADER] = "^[0-9]{1,12}$", "How many bytes of the body are JSON; without it, all are."
    return [
        {"name": name, "in": "header", "schema": {"type": "string", "pattern": pattern}, "description": about}
        for name, (pattern, about) in found.items()
    ]


def _responses(operation: _Operation) -> dict[str, Any]:
    answered: dict[str, Any] = {"description": "The answer.", "content": _content(operation.answers)}
    if _BINARY in operation.answers:
        answered["headers"] = _headers({HEADER: "How many bytes of the body are JSON, where it is binary."})
    statuses = sorted({*_ALWAYS, *operation.refusals, *(_WITH_KEY if operation.has_key else ())})
    return {"200": answered} | {str(status): _refusal(status) for status in statuses}


def _refusal(status: int) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    described: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}: {_WHEN[status]}",
        "content": {MEDIA_TYPE: {"schema": schema}},
    }
    return described | ({"headers": _headers(_HEADERS[status])} if status in _HEADERS else {})


def _headers(described: dict[str, str]) -> dict[str, Any]:
    return {name: {"description": about, "schema": {"type": "string"}} for name, about in described.items()}


def _content(media_types: dict[str, type | None], example: Any = None) -> dict[str, Any]:
    content: dict[str, Any] = {
        media_type: {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"} if kind else {}}
        for media_type, kind in media_types.items()
    }
    if example is not None:
        content[_JSON]["example"] = example
    return content


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type whose docstring describes its attributes, with the words where OpenAPI wants them."""
    words, _, attributes = inspect.cleandoc(schema.get("description", "")).partition("\n\nAttributes:\n")
    about = {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(attributes)}
    properties = {name: each | _about(about.get(name)) for name, each in schema["properties"].items()}
    return schema | {"description": words, "properties": properties}


def _about(words: str | None) -> dict[str, str]:
    return {"description": words} if words else {}
