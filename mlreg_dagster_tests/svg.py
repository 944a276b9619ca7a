"""What a picture says in words, after a look at whether it is one."""

import base64
import re
from xml.etree import ElementTree


def words_of(markdown: str) -> str:
    """The words that go with the one picture in `markdown`."""
    found = re.fullmatch(r"!\[([^\]]+)\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", markdown)
    assert found, markdown[:80]
    picture = ElementTree.fromstring(base64.b64decode(found[2], validate=True))
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(list(picture.iter())) > 10, "nothing is drawn in it"
    return found[1]


def is_a_sentence(markdown: str) -> bool:
    """Whether there is a sentence in italics in place of a picture of nothing."""
    return re.fullmatch(r"_[A-Z][^_]+\._", markdown) is not None
