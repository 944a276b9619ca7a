"""What a picture says in words, after a look at whether it is one."""

import base64
import re


def words_of(markdown: str) -> str:
    """The words that go with the one PNG in `markdown`."""
    found = re.fullmatch(r"!\[([^\]]+)\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", markdown)
    assert found, markdown[:80]
    png = base64.b64decode(found[2], validate=True)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    return found[1]


def is_a_sentence(markdown: str) -> bool:
    """Whether there is a sentence in italics in place of a picture of nothing."""
    return re.fullmatch(r"_[A-Z][^_]+\._", markdown) is not None
