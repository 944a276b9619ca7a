"""Pictures in metadata, which any step or plug-in may have written: what is shown of them can't act or reach out.

An SVG is read, looked at piece by piece, and written again: what is shown is what was looked at. One with anything that
is not drawing is refused as a whole, rather than shown without it.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from xml.etree import ElementTree

from mlreg_dagster.core.errors import MlregError

MOST_BYTES = 5_000_000
"""Of a picture; a larger one is refused."""

_PICTURE = re.compile(r"!\[([^\]]*)\]\(data:image/(svg\+xml|png);base64,([A-Za-z0-9+/=]+)\)")
_EMBEDDED = re.compile(r"data:image/(?:png|jpeg);base64,[A-Za-z0-9+/=\s]+")
_PNG = b"\x89PNG\r\n\x1a\n"
_SVG, _XLINK, _XML = (
    "http://www.w3.org/2000/svg",
    "http://www.w3.org/1999/xlink",
    "http://www.w3.org/XML/1998/namespace",
)
_DRAWING = frozenset(
    f"{{{_SVG}}}{name}"
    for name in (
        *("svg", "g", "defs", "symbol", "use", "title", "desc", "style", "clipPath", "mask", "pattern", "marker"),
        *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "textPath", "image"),
        *("linearGradient", "radialGradient", "stop"),
    )
)
_METADATA = f"{{{_SVG}}}metadata"
_HREFS = {"href", f"{{{_XLINK}}}href"}
_FUNCTION = re.compile(r"([\w-]*)\s*\(\s*(.?.?)")
_HARMLESS = {"rgb", "rgba", "hsl", "hsla", "matrix", "translate", "scale", "rotate", "skewx", "skewy"}
_UNREADABLE = ("\\", "@", "/*")
"""In a style they escape, import or hide."""

ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", _XLINK)


class NotShown(MlregError):
    """A text that is no picture, or one that could do more than be looked at."""


@dataclass(frozen=True)
class Picture:
    """A picture that is fit to be shown as an image.

    Attributes:
        words: What it shows; anything may stand there.
        media_type: `image/svg+xml` or `image/png`.
    """

    words: str
    media_type: str
    content: bytes


@lru_cache(maxsize=64)
def picture_in(markdown: str) -> Picture:
    """The picture in a Markdown image with a data URI.

    Raises:
        NotShown: It is none, or has scripts, links, references to elsewhere, or anything else that is not drawing.
    """
    if (found := _PICTURE.fullmatch(markdown)) is None:
        raise NotShown("It is no embedded SVG or PNG.")
    words, kind, encoded = found.groups()
    try:
        content = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise NotShown("It can't be decoded.") from None
    if len(content) > MOST_BYTES:
        raise NotShown(f"It has {len(content):,} bytes; {MOST_BYTES:,} are allowed.")
    if kind == "png":
        if not content.startswith(_PNG):
            raise NotShown("It is no PNG.")
        return Picture(words, "image/png", content)
    return Picture(words, "image/svg+xml", _harmless(content))


def _harmless(content: bytes) -> bytes:
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - expat bounds entities, and fetches none
    except (ElementTree.ParseError, ValueError, LookupError):
        raise NotShown("It can't be read as SVG.") from None
    if root.tag != f"{{{_SVG}}}svg":
        raise NotShown("It is no SVG.")
    for metadata in root.findall(_METADATA):
        root.remove(metadata)
    for element in root.iter():
        _require_drawing(element)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _require_drawing(element: ElementTree.Element) -> None:
    if element.tag not in _DRAWING:
        raise NotShown(f"It has an element that is not drawing: {_local(element.tag)}.")
    if element.tag == f"{{{_SVG}}}style":
        _require_plain_style("".join(element.itertext()), "style")
    for name, value in list(element.attrib.items()):
        if name in _HREFS:
            is_embedded = element.tag == f"{{{_SVG}}}image" and _EMBEDDED.fullmatch(value)
            if not (value.startswith("#") or is_embedded):
                raise NotShown(f"It refers to something outside of itself, in {_local(element.tag)}.")
        elif name.lower().startswith("on"):
            raise NotShown(f"It has a script, in {name[:20]}.")
        elif name.startswith("{"):  # of editors, and xml:base
            del element.attrib[name]
        else:
            _require_plain_style(value, name)


def _require_plain_style(text: str, where: str) -> None:
    """Functions are all by which a style, or an attribute that is one, can refer to anything."""
    strange = [sign for sign in _UNREADABLE if sign in text]
    for function, begins in _FUNCTION.findall(text):
        if function.lower() == "url":
            strange += [] if begins.lstrip("\"'").startswith("#") else ["url"]
        elif function and function.lower() not in _HARMLESS:
            strange.append(function)
    if strange:
        raise NotShown(f"It may refer to something outside of itself: {strange[0][:20]} in {where[:20]}.")


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2][:40]
