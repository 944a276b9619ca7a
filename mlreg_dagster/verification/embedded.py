"""Pictures as they travel in metadata: PNG files embedded in Markdown."""

import base64
import binascii
import io
import re
from collections.abc import Mapping
from typing import Any

_PICTURE = re.compile(r"!\[[^\]]*\]\(data:image/png;base64,([^)]*)\)")
_SENTENCE = re.compile(r"_[^_]+_")


def drawn(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Label and Markdown of every picture, and of every sentence in italics that stands in place of one."""
    return {
        label: value
        for label, value in metadata.items()
        if isinstance(value, str) and (value.startswith("![") or _SENTENCE.fullmatch(value))
    }


def can_be_seen(markdown: str) -> bool:
    """Whether it is a sentence, or a picture that can be decoded."""
    if _SENTENCE.fullmatch(markdown):
        return True
    from matplotlib.image import imread

    found = _PICTURE.fullmatch(markdown)
    try:
        return found is not None and bool(imread(io.BytesIO(base64.b64decode(found[1], validate=True))).size)
    except (binascii.Error, OSError, SyntaxError, ValueError):  # what decoders say of a damaged file
        return False
