"""The software bill of materials of the process that trains, as CycloneDX 1.6 JSON.

It is made from the metadata of installed distributions alone: the same environment gives the same bytes.
"""

import json
import platform
from collections.abc import Iterable, Mapping
from email import message_from_string
from email.message import Message
from functools import lru_cache
from importlib.metadata import Distribution, distributions
from typing import Any
from urllib.parse import quote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mlreg_dagster.core.revision import DISTRIBUTION

SBOM = "sbom.cdx.json"
"""The file, in the bundle of a version and in its evidence."""

_ROOT = "model"
_UNKNOWN = ("", "unknown", "none", "dual license")
_LONGEST_LICENCE = 100  # of a first line; some packages put the whole text there
_CLASSIFIER = "License :: "


def of_environment(version: str) -> bytes:
    """The bill of the distributions that this process sees.

    Args:
        version: The model version that is trained; the bill is about it.
    """
    components, dependencies = _environment()
    return _to_json(version, "the process that trained it", components, dependencies)


def of_recorded(version: str, libraries: Mapping[str, str]) -> bytes:
    """The bill of the libraries that an earlier manifest names: no more was recorded, licences were not.

    Args:
        version: The model version.
        libraries: Name to version, as `libraries` in the manifest.
    """
    components = [
        _python(number) if name == "python" else _component(name.replace("_", "-"), number, [])
        for name, number in sorted(libraries.items())
    ]
    return _to_json(version, "the libraries that its manifest names", components, [])


def summary(bill: bytes) -> dict[str, Any]:
    """What a bill says, in numbers: how many components, of which licences, and where it is from."""
    content = json.loads(bill)
    components = content["components"]
    return {
        "format": f"{content['bomFormat']} {content['specVersion']}",
        "of": content["metadata"]["properties"][0]["value"],
        "components": len(components),
        "without a licence": sum("licenses" not in each for each in components),
    }


def licences(bill: bytes) -> list[dict[str, Any]]:
    """The components of a bill: name, version and licence of each."""
    return [
        {"component": each["name"], "version": each["version"], "licence": _in_words(each.get("licenses", ()))}
        for each in json.loads(bill)["components"]
    ]


@lru_cache(maxsize=1)
def _environment() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Components and their dependencies; of a distribution that lies on the path twice the first counts."""
    installed: dict[str, Message] = {}
    for each in distributions():
        described = _described(each)
        if described["Name"] and described["Version"]:
            installed.setdefault(canonicalize_name(described["Name"]), described)
    ordered = sorted(installed.items())
    components = [_component(name, each["Version"], _licences(each)) for name, each in ordered]
    references = {each["name"]: each["bom-ref"] for each in components}
    dependencies = [
        {
            "ref": references[name],
            "dependsOn": sorted(references[other] for other in _required(each) & installed.keys()),
        }
        for name, each in ordered
    ]
    if DISTRIBUTION in references:
        dependencies.insert(0, {"ref": _ROOT, "dependsOn": [references[DISTRIBUTION]]})
    return [_python(platform.python_version()), *components], dependencies


def _described(found: Distribution) -> Message:
    """The fields of a distribution's metadata, without the description below them."""
    text = found.read_text("METADATA") or found.read_text("PKG-INFO") or ""
    return message_from_string(text.partition("\n\n")[0])


def _to_json(version: str, about: str, components: list[dict[str, Any]], dependencies: list[dict[str, Any]]) -> bytes:
    content = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "machine-learning-model", "bom-ref": _ROOT, "name": version},
            "properties": [{"name": "mlreg:environment", "value": about}],
        },
        "components": components,
        "dependencies": dependencies,
    }
    return json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"


def _component(name: str, version: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    purl = f"pkg:pypi/{canonicalize_name(name)}@{quote(version, safe='')}"
    licences_of = {"licenses": found} if found else {}
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, **licences_of}


def _python(version: str) -> dict[str, Any]:
    purl = f"pkg:generic/python@{quote(version, safe='')}"
    licence = [{"license": {"id": "PSF-2.0"}}]
    return {
        "type": "platform",
        "bom-ref": purl,
        "name": "python",
        "version": version,
        "purl": purl,
        "licenses": licence,
    }


def _licences(described: Message) -> list[dict[str, Any]]:
    """By the expression, else the classifiers, else the free text of the metadata; none where it says none."""
    if expression := described["License-Expression"]:
        return [{"expression": expression}]
    classifiers = [each for each in described.get_all("Classifier", ()) if each.startswith(_CLASSIFIER)]
    named = {each.rpartition(" :: ")[2] for each in classifiers} - {"OSI Approved"}
    text = next(iter((described["License"] or "").strip().splitlines()), "")
    if not named and text.lower() not in _UNKNOWN and len(text) <= _LONGEST_LICENCE:
        named = {text}
    return [{"license": {"name": each}} for each in sorted(named)]


def _required(described: Message) -> set[str]:
    """The distributions that one asks for in this environment, without its extras."""
    required = set()
    for text in described.get_all("Requires-Dist", ()):
        try:
            each = Requirement(text)
        except InvalidRequirement:
            continue
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            required.add(str(canonicalize_name(each.name)))
    return required


def _in_words(found: Iterable[Mapping[str, Any]]) -> str | None:
    texts = []
    for each in found:
        licence = each.get("license", {})
        texts.append(each.get("expression") or licence.get("id") or licence.get("name"))
    return ", ".join(text for text in texts if text) or None
