"""The key by which a request is routed: from the header, the instrument or the id, and no other text than these."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.serving.protocols.problems import BadRequest
from mlreg_dagster.serving.protocols.routing_key import PATTERN, routing_key

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200)


def test_the_header_comes_first_then_the_one_instrument_then_the_id() -> None:
    assert routing_key("client 7", ("bitcoin",), "r-1") == "client 7"
    assert routing_key(None, ("bitcoin",), "r-1") == "bitcoin"
    assert routing_key(None, ("bitcoin", "bitcoin"), "r-1") == "bitcoin"
    assert routing_key(None, ("bitcoin", "ethereum"), "r-1") == "r-1"
    assert routing_key(None, None, "r-1") == "r-1"


@given(PRINTABLE)
def test_any_printable_header_of_ascii_is_a_key_as_it_is(text: str) -> None:
    assert routing_key(text, None, "r-1") == text
    assert re.fullmatch(PATTERN, text)


@pytest.mark.parametrize(
    "text",
    ["", " ", " a", "a ", "x" * 201, "\xe9", "a\tb", "a\nb", "a\x00b", "\x7f", "\u2603", "a\n"],
    ids=ascii,
)
def test_a_header_of_another_form_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(BadRequest, match="The header X-Routing-Key is no key: send 1 to 200 printable") as raised:
        routing_key(text, ("bitcoin",), "r-1")
    assert not text.strip() or len(text) < 3 or text not in str(raised.value)
