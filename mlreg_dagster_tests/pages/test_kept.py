"""Results of pages are kept by their keys: made once, the newest ones, and none that failed."""

import pytest

from mlreg_dagster.pages.kept import Kept


def test_a_result_is_made_once_and_the_one_asked_for_longest_ago_goes_first():
    kept, made = Kept(2), []

    def get(key):
        return kept.get(key, lambda: made.append(key) or f"of {key}")

    assert [get(key) for key in "abab"] == ["of a", "of b", "of a", "of b"]
    assert made == ["a", "b"]
    get("a")
    get("c")
    get("a")
    assert made == ["a", "b", "c"]
    get("b")
    assert made == ["a", "b", "c", "b"]


def test_nothing_is_kept_of_what_raises():
    kept = Kept(2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 / 0)
    assert kept.get("a", lambda: None) is None
    assert kept.get("a", lambda: 1) is None
