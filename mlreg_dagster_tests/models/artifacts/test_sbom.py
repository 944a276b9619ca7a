"""The bill of materials: of the form that CycloneDX asks for, complete, and the same for the same environment."""

import json
from importlib.metadata import distributions
from importlib.metadata import version as installed_version

import pytest
from jsonschema import Draft7Validator
from packaging.utils import canonicalize_name

from mlreg_dagster.models.artifacts import sbom

FORM = {
    "type": "object",
    "additionalProperties": False,
    "required": ["bomFormat", "specVersion", "version", "metadata", "components"],
    "properties": {
        "$schema": {"const": "http://cyclonedx.org/schema/bom-1.6.schema.json"},
        "bomFormat": {"const": "CycloneDX"},
        "specVersion": {"const": "1.6"},
        "version": {"type": "integer", "minimum": 1},
        "metadata": {"type": "object"},
        "components": {
            "type": "array",
            "uniqueItems": True,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["type", "name", "version", "purl", "bom-ref"],
                "properties": {
                    "type": {"enum": ["library", "platform"]},
                    "name": {"type": "string", "minLength": 1},
                    "version": {"type": "string", "minLength": 1},
                    "bom-ref": {"type": "string", "minLength": 1},
                    "purl": {"type": "string", "pattern": r"^pkg:(pypi/[a-z0-9-]+|generic/python)@[^\s@+!]+$"},
                    "licenses": {
                        "oneOf": [
                            {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 1,
                                "items": {"required": ["expression"], "properties": {"expression": {"minLength": 1}}},
                            },
                            {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "required": ["license"],
                                    "properties": {
                                        "license": {"oneOf": [{"required": ["id"]}, {"required": ["name"]}]}
                                    },
                                },
                            },
                        ]
                    },
                },
            },
        },
        "dependencies": {
            "type": "array",
            "uniqueItems": True,
            "items": {
                "type": "object",
                "required": ["ref", "dependsOn"],
                "properties": {"dependsOn": {"type": "array", "uniqueItems": True}},
            },
        },
    },
}
"""What the bills here use of the schema of CycloneDX 1.6, which also allows much else."""


@pytest.fixture(scope="module")
def bill():
    return sbom.of_environment("v1")


@pytest.mark.parametrize("recorded", [False, True])
def test_it_has_the_form_of_cyclonedx(bill, recorded):
    content = json.loads(sbom.of_recorded("v1", {"mlreg_dagster": "0.1.0", "python": "3.11"}) if recorded else bill)
    assert [error.message for error in Draft7Validator(FORM).iter_errors(content)] == []
    references = [each["bom-ref"] for each in content["components"]]
    assert len(references) == len(set(references))
    known = {*references, content["metadata"]["component"]["bom-ref"]}
    assert {each for line in content["dependencies"] for each in (line["ref"], *line["dependsOn"])} <= known


def test_it_names_every_distribution_that_the_process_sees(bill):
    names = {each["component"] for each in sbom.licences(bill)}
    assert names == {canonicalize_name(each.metadata["Name"]) for each in distributions()} | {"python"}


def test_it_names_version_licence_and_what_depends_on_what(bill):
    rows = {each["component"]: each for each in sbom.licences(bill)}
    assert rows["numpy"]["version"] == installed_version("numpy")
    assert "BSD" in rows["numpy"]["licence"]
    assert rows["python"]["licence"] == "PSF-2.0"
    lines = {each["ref"]: each["dependsOn"] for each in json.loads(bill)["dependencies"]}
    (package,) = lines["model"]
    assert package.startswith("pkg:pypi/mlreg-dagster@")
    assert f"pkg:pypi/skops@{installed_version('skops')}" in lines[package]
    assert not any("pytest" in each for each in lines[package])  # an extra


def test_the_same_environment_gives_the_same_bytes(bill):
    sbom._environment.cache_clear()
    assert sbom.of_environment("v1") == bill


def test_an_earlier_version_has_a_bill_of_what_was_recorded_and_says_so():
    bill = sbom.of_recorded("v1", {"mlreg_dagster": "0.1.0", "numpy": "2.4.6+local"})
    assert sbom.summary(bill) == {
        "format": "CycloneDX 1.6",
        "of": "the libraries that its manifest names",
        "components": 2,
        "without a licence": 2,
    }
    assert "pkg:pypi/numpy@2.4.6%2Blocal" in bill.decode()
