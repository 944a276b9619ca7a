"""Names of people: one person is never two, and two are never one; nothing hides in a text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.config.sections.governance import PromotionSettings
from mlreg_dagster.core.people import MAX_NAME, MAX_TEXT, NotAName, account_name, checked_text

LOOK_ALIKES = {
    "cyrillic a": "\u0430nna",
    "zero width": "an\u200bna",
    "soft hyphen": "an\u00adna",
    "combining accent": "anna\u0301",
    "full width": "\uff41nna",
    "no-break space": "an\u00a0na",
    "right to left": "\u202eanna",
    "control": "anna\x07",
    "line end": "anna\n",
    "nul": "anna\x00",
    "dotless i": "ann\u0131e",
    "long s": "\u017fam",
    "kelvin": "\u212aim",
    "surrogate": "anna\udc80",
}


@pytest.mark.parametrize("name", LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_what_looks_like_another_name_is_refused_with_the_letter_shown(name):
    with pytest.raises(NotAName) as refused:
        account_name(name)
    assert str(refused.value).isascii()
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", ["Anna", "ANNA", " anna ", "anna  "])
def test_case_and_blanks_make_no_second_person(name):
    assert account_name(name) == "anna"


def test_blanks_within_a_name_count_as_one():
    assert account_name("Anna  de   Vries") == "anna de vries"


@pytest.mark.parametrize(
    "name", ["", " ", "nobody", "None", "NULL", "everybody", "unknown", "-anna", ".", "x" * (MAX_NAME + 1)]
)
def test_what_names_no_person_is_refused(name):
    with pytest.raises(NotAName):
        account_name(name)


@pytest.mark.parametrize(
    "name", ["anna", "team:mlreg", "anna@example.org", "o'brien", "corp\\anna", "a.b-c_d+e/f", "x" * MAX_NAME, "7"]
)
def test_usual_account_names_are_kept(name):
    assert account_name(name) == name


@given(st.text(max_size=130))
def test_a_name_is_kept_as_it_is_or_refused_in_printable_words(text):
    refusal, name = None, None
    try:
        name = account_name(text)
    except NotAName as refused:
        refusal = str(refused)
    if name is None:
        assert refusal.isprintable()
        return
    assert account_name(name) == name
    assert name.isascii()
    assert name == name.lower()
    assert text.isascii()


@pytest.mark.parametrize("text", ["a\u200bb", "a\x1b[31mb", "a\u202eb", "a\x00b", "a\udc80b", "x" * (MAX_TEXT + 1)])
def test_texts_that_hide_something_are_refused(text):
    with pytest.raises(NotAName) as refused:
        checked_text("reason", text)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("text", ["ein Grund: ö, 理由, причина 🚀", "two\nlines\tand a tab", "x" * MAX_TEXT])
def test_texts_of_any_script_are_kept(text):
    assert checked_text("reason", text) == unicodedata.normalize("NFC", text)


def test_people_of_the_policy_have_one_spelling_and_are_named_once():
    assert PromotionSettings(people={" Anna": {}}).people.keys() == {"anna"}
    for people, said in (
        ({"anna": {}, "Anna ": {}}, "name each person once"),
        ({"\u0430nna": {}}, "can't be a name because"),
        ({"automation": {}}, "own actor"),
        ({"nobody": {}}, "reserved"),
    ):
        with pytest.raises(ValueError, match=said):
            PromotionSettings(people=people)
