"""What others wrote is shown as text and never obeyed, wherever it is shown."""

import csv
import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.text import chat_quote, csv_cell, one_line, visible

HOSTILE = {
    "escape": "\x1b[2J\x1b]0;owned\x07",
    "bidi": "abc\u202ecba",
    "isolate": "\u2066x\u2069",
    "zero width": "ad\u200bmin",
    "nul": "a\x00b",
    "c1": "a\x9b31mb",
    "line separator": "a\u2028b",
    "half of a character": "a\ud800b",
    "backspace": "good\b\b\b\bevil",
    "carriage return": "good\revil",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_nothing_acts_or_hides(text):
    for shown in (visible(text), one_line(text), str(MlregError(text)), chat_quote(text)):
        assert not [each for each in shown if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl"} and each != "\n"]
        shown.encode()


@given(st.text())
def test_any_text(text):
    shown = visible(text)
    assert len(shown) == len(text)
    assert visible(shown) == shown
    assert re.fullmatch(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f]*", shown)
    assert "\n" not in one_line(text)
    assert len(one_line(text, 10)) <= 10


@pytest.mark.parametrize("text", ["bitcoin", "Überwachung von 株式", "🚀", "a\nb", "naïve: 5 % > 3 $"])
def test_what_people_write_stays_as_it_is(text):
    assert visible(text) == text
    assert str(MlregError(text)) == text


def test_what_is_too_long_is_cut():
    assert visible("x" * 100, 5) == "xxxx…"
    assert one_line("x " * 10**6, 9) == "x x x x …"
    assert len(str(MlregError("x" * 10**6))) <= 8000


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1"])
def test_a_spreadsheet_finds_no_formula(text):
    line = io.StringIO()
    csv.writer(line).writerow([csv_cell(text)])
    (cell,) = next(csv.reader(io.StringIO(line.getvalue(), newline="")))
    assert cell == f"'{text}"
    assert csv_cell("a=1") == "a=1"
    assert csv_cell(-1) == -1


@pytest.mark.parametrize(
    "text", ["<!channel>", "<@U1>", "<https://evil|here>", "@all", "[x](https://evil)", "```\nout"]
)
def test_a_chat_finds_neither_mention_nor_link(text):
    quoted = chat_quote(text)
    assert quoted.startswith("```\n")
    assert quoted.endswith("\n```")
    assert not set("<>`") & set(quoted[4:-4])
