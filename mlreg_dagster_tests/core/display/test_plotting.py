import base64
import re
import subprocess
import sys
import warnings
from xml.etree import ElementTree

import pytest

from mlreg_dagster.core.display.plotting import (
    ACCENT,
    ANOMALY,
    MUTED,
    NORMAL,
    PICTURE,
    as_markdown,
    label,
    new_figure,
)

pytestmark = pytest.mark.pictures


def _drawn(colour=NORMAL):
    figure = new_figure()
    figure.subplots().plot([1, 3, 2], color=colour)
    return as_markdown(figure, "a line that rises and falls")


def test_a_picture_is_one_line_of_markdown_with_an_svg_in_it():
    found = re.fullmatch(r"!\[a line that rises and falls\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", _drawn())
    assert found is not None
    picture = ElementTree.fromstring(base64.b64decode(found[1], validate=True))
    assert picture.tag.endswith("}svg")
    assert [float(number) for number in picture.attrib["viewBox"].split()] == pytest.approx([0, 0, 7.0 * 72, 3.2 * 72])
    assert "1.00" in "".join(picture.itertext()), "its text is text"


def test_the_same_drawing_gives_the_same_bytes():
    assert _drawn() == _drawn()


def test_each_meaning_has_a_colour_of_its_own():
    assert len({_drawn(colour) for colour in (NORMAL, ANOMALY, ACCENT, MUTED)}) == 4


def test_matplotlib_waits_for_the_first_picture():
    code = "import sys, mlreg_dagster.core.display.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


HOSTILE = [
    "$wif",
    "$a$",
    "$\\frac$",
    "$x^^y$",
    "$\\sqrt{$",
    "a\nb",
    "a\x00b",
    "\u202ebtc",
    "\x1b[31m",
    "a\x0bb",
    "a\ud800",
    "x" * 10**5,
]


def _text_of(picture):
    (found,) = PICTURE.findall(picture)
    return "".join(ElementTree.fromstring(base64.b64decode(found[2])).itertext())


@pytest.mark.parametrize("name", HOSTILE)
def test_drawn_text_is_never_interpreted(name):
    figure = new_figure()
    axes = figure.subplots()
    axes.set_xticks([0, 1], [label(name), "other"])
    axes.text(0, 0, label(name))
    axes.set_title(label(name))
    words = _text_of(as_markdown(figure, name))
    assert words.count(label(name)) == 3
    assert len(label(name)) <= 24


@pytest.mark.parametrize("name", [name for name in HOSTILE if "$" in name or "\x0b" in name])
def test_nor_where_a_name_was_drawn_as_it_stands(name):
    figure = new_figure()
    axes = figure.subplots()
    axes.set_yticks([0, 1], [name, "other"])
    axes.set_xlabel(name)
    assert _text_of(as_markdown(figure, "a picture")).count(name.replace("\x0b", "?")) == 2


def test_a_name_that_the_measuring_font_lacks_is_drawn_without_a_warning():
    figure = new_figure()
    figure.subplots().set_yticks([0, 1], [label("币安人生"), "other"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "币安人生" in _text_of(as_markdown(figure, "a picture"))


@pytest.mark.parametrize("alt", ["a](https://evil) [b", "a\nb", '"><script>', "x" * 10**5])
def test_what_a_picture_shows_in_words_is_no_markup(alt):
    figure = new_figure()
    ((words, _, _),) = PICTURE.findall(as_markdown(figure, alt))
    assert "\n" not in words
    assert len(words) <= 1000
