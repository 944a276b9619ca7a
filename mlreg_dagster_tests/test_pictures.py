import base64
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from mlreg_dagster.pictures import ACCENT, ANOMALY, MUTED, NORMAL, as_markdown, new_figure


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
    code = "import sys, mlreg_dagster.pictures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
