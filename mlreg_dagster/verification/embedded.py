"""Pictures as they travel in metadata: SVG embedded in Markdown."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from mlreg_dagster.core.display.plotting import PICTURE

_SVG = "{http://www.w3.org/2000/svg}"
_SHAPES = ("path", "image", "use", "text")
_SENTENCE = re.compile(r"_[^_]+_")


def drawn(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Label and Markdown of every picture, and of every sentence in italics that stands in place of one."""
    return {
        label: value
        for label, value in metadata.items()
        if isinstance(value, str) and (value.startswith("![") or _SENTENCE.fullmatch(value))
    }


def can_be_seen(markdown: str) -> bool:
    """Whether it is a sentence, or a whole picture with something drawn in it."""
    if _SENTENCE.fullmatch(markdown):
        return True
    if (found := PICTURE.fullmatch(markdown)) is None:
        return False
    try:
        picture = ElementTree.fromstring(base64.b64decode(found[3], validate=True))  # noqa: S314 - expat bounds entities
    except (binascii.Error, ElementTree.ParseError):
        return False
    return picture.tag == f"{_SVG}svg" and any(picture.find(f".//{_SVG}{shape}") is not None for shape in _SHAPES)
