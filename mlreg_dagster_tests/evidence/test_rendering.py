"""The card in three forms: the same facts, escaped, and without a network."""

import html
import json
import re
import shutil
from datetime import datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.evidence.card.elements import SECTIONS, Card, Picture, Section, Table, Text, Values, when
from mlreg_dagster.evidence.rendering import to_html, to_json, to_markdown
from mlreg_dagster.evidence.templating import shown
from mlreg_dagster_tests.evidence.cards import card_of
from mlreg_dagster_tests.lifecycle import NOW, Lifecycle, as_hour

EVIL = "</td><script>alert('x')</script> <img src=https://evil.example/x onerror=alert(1)> | `a` *b* [c](d) & 1 < 2"


class Outline(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def card_saying(text):
    facts = (
        Text(text),
        Values(f"values {text}", {text: text}),
        Table(f"table {text}", [{"said": text, "passed": False}], folded=True),
        Table("empty", []),
        Picture(lambda: "![of it](data:image/svg+xml;base64,AAAA)"),
    )
    sections = tuple(Section(key, facts, (text,) if key == "bundle" else ()) for key in SECTIONS)
    return Card("v1", as_hour("2026-01-08"), text, {"Why?": text}, sections)


@pytest.fixture(scope="module")
def champion(live_home, tmp_path_factory):
    home = tmp_path_factory.mktemp("rendered") / "home"
    shutil.copytree(live_home, home)
    return card_of(Lifecycle(home), "v2")


def leaves(value):
    """Every text and number of the facts, as people are shown them."""
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*", value):
        yield when(datetime.fromisoformat(value))
    else:
        yield shown(value)


def squeezed(text):
    return " ".join(text.split())


def unescaped_markdown(text):
    return squeezed(re.sub(r"\\([\\`*_\[\]<>|#~=+.)-])", r"\1", html.unescape(text)))


def test_the_three_forms_tell_the_same(champion):
    told = json.loads(to_json(champion))
    page, markdown = squeezed(Outline(to_html(champion)).text), unescaped_markdown(to_markdown(champion))
    facts = [{**fact, "kind": None} for section in told["sections"].values() for fact in section["facts"].values()]
    texts = [squeezed(text) for text in leaves([told["answers"], told["headline"], *facts])]
    assert len(texts) > 300
    assert [text for text in texts if text not in page] == []
    assert [text for text in texts if text not in markdown] == []
    assert {key: section["title"] for key, section in told["sections"].items()} == SECTIONS
    assert (told["complete"], told["state"]) == (False, "unknown")  # drift is not measured
    assert told["made_at"].startswith(NOW[:10])


def test_the_page_asks_for_nothing_from_outside(champion):
    text = to_html(champion)
    outline = Outline(text)
    places = [value for _, attrs in outline.tags for name, value in attrs.items() if name in ("src", "href", "action")]
    assert places
    assert [place[:40] for place in places if not place.startswith(("data:image/svg+xml;base64,", "#"))] == []
    assert {tag for tag, _ in outline.tags} & {"link", "iframe", "object", "embed", "form", "base"} == set()
    assert re.findall(r"https?://|@import|url\(", text) == []
    assert sum(tag == "img" for tag, _ in outline.tags) == 5  # gates, holders, confusion, days, reasons


def test_what_a_person_wrote_is_no_markup():
    card = card_saying(EVIL)
    outline = Outline(to_html(card))
    assert [tag for tag, _ in outline.tags].count("script") == 0
    assert all(not name.startswith("on") for _, attrs in outline.tags for name in attrs)
    assert {attrs["src"] for tag, attrs in outline.tags if tag == "img"} == {"data:image/svg+xml;base64,AAAA"}
    assert EVIL in outline.text
    markdown = to_markdown(card)
    assert "<script" not in markdown.replace("\\<", "")
    assert "[c](d)" not in markdown
    assert EVIL in unescaped_markdown(markdown)


@pytest.mark.parametrize("text", ["- a", "+ a", "1. a", "12) a", "=====", "-----", "~~~", "# a", "> a"])
def test_what_a_person_wrote_begins_no_list_heading_or_rule(text):
    lines = to_markdown(card_saying(text)).splitlines()
    assert text not in lines
    assert f"{text}"[0] not in {line[:1] for line in lines if unescaped_markdown(line) == text} - set("1")


def test_nothing_hidden_is_on_a_page_or_in_a_ticket():
    card = card_saying("v1 \u202edehcorppa\u202c \x1b[31m by\u200b ann\ud800")
    for form in (to_html(card), to_markdown(card)):
        assert not set(form) & set("\u202e\u202c\x1b\u200b\ud800")


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1))
def test_any_text_comes_through_whole(text):
    card = card_saying(text)
    assert text in Outline(to_html(card)).text
    assert text in unescaped_markdown(to_markdown(card))
    assert json.loads(to_json(card))["answers"]["why"] == {"question": "Why?", "answer": text}


def test_an_incomplete_card_says_so_where_one_looks_first():
    card = card_saying("the dataset is gone")
    assert card.missing == {"gate_10_bundle": ("the dataset is gone",)}
    assert "1 of 10 sections incomplete" in to_html(card)
    assert "## 10. Bundle: INCOMPLETE" in to_markdown(card)
    told = json.loads(to_json(card))
    assert (told["complete"], told["sections"]["bundle"]["missing"]) == (False, ["the dataset is gone"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "yes"),
        (12345, "12,345"),
        (0.123456, "0.1235"),
        (194488.5, "194,488"),
        ([], "-"),
        ([1, "a"], "1, a"),
    ],
)
def test_values_are_shown_in_words(value, text):
    assert shown(value) == text
