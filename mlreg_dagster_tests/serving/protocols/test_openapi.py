"""The OpenAPI document is valid, complete, and made of the types that decode requests."""

import json
from typing import Any

import jsonschema
import pytest

from mlreg_dagster.config.sections.serving import ServingSettings
from mlreg_dagster.serving.app.routes import Routes
from mlreg_dagster.serving.protocols.openapi import document
from mlreg_dagster_tests.serving.protocols.bodies import inference, records, split

DOCUMENT: dict[str, Any] = json.loads(document())


def operations() -> dict[str, Any]:
    return {
        f"{method} {path}": operation
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def valid(body: bytes, kind: str) -> bool:
    schema = {"$ref": f"#/components/schemas/{kind}", "components": DOCUMENT["components"]}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(json.loads(body)))


def test_the_document_is_the_same_each_time() -> None:
    assert document() == document()


def test_every_operation_has_a_name_of_its_own_and_says_what_refusals_look_like() -> None:
    names = [operation["operationId"] for operation in operations().values()]
    assert len(names) == len(set(names))
    for path, operation in operations().items():
        for status in ("405", "408", "431", "500", "503"):
            assert list(operation["responses"][status]["content"]) == ["application/problem+json"], path
        assert ("401" in operation["responses"]) == ("security" in operation), path


def test_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    text = json.dumps(DOCUMENT)
    references = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert references <= set(schemas)
    assert {"InferenceRequest", "InferenceResponse", "Invocation", "InvocationResponse", "Problem"} <= references
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_attributes_are_described_where_readers_look() -> None:
    of_input = DOCUMENT["components"]["schemas"]["InputParameters"]
    assert of_input["description"] == "Parameters of an input."
    assert of_input["properties"]["binary_data_size"]["description"].startswith("Bytes of the tensor")


@pytest.mark.parametrize(
    ("body", "kind"),
    [(inference(), "InferenceRequest"), (split(), "Invocation"), (records(), "Invocation")],
)
def test_what_clients_send_is_valid(body: bytes, kind: str) -> None:
    assert valid(body, kind)
    assert not valid(b'{"inputs": 7, "dataframe_split": 7}', kind)


def test_what_has_rows_scored_takes_a_routing_key() -> None:
    for path, operation in operations().items():
        headers = {each["name"]: each["schema"] for each in operation.get("parameters", ())}
        assert ("X-Routing-Key" in headers) == ("requestBody" in operation), path


def test_examples_are_valid() -> None:
    contents = [
        each["requestBody"]["content"]["application/json"] for each in operations().values() if "requestBody" in each
    ]
    assert len(contents) == 4
    for content in contents:
        assert valid(json.dumps(content["example"]).encode(), content["schema"]["$ref"].rpartition("/")[2])


def test_the_document_has_the_routes_of_the_server_and_which_of_them_ask_for_a_key() -> None:
    nothing: Any = None
    endpoints = Routes(nothing, nothing, ServingSettings(), nothing).endpoints()
    routes = {
        (f"{method.lower()} {endpoint.route.path}", endpoint.scope is not None)
        for endpoint in endpoints
        for method in (endpoint.route.methods or set()) - {"HEAD"}
    }
    assert {(path, "security" in operation) for path, operation in operations().items()} == routes
