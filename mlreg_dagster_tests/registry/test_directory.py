"""Who is who for readers: names beside ids in any text, and never in a command to paste."""

import pytest

from mlreg_dagster.registry import Directory, Person

ANNA = Person("p-7k2m9q4x", "anna", "anna@bank.example", (), None, 1)
GONE = Person("p-00000000", None, None, (), None, 2)
DIRECTORY = Directory([ANNA, GONE])


@pytest.mark.parametrize(("text", "read"), [
    ("p-7k2m9q4x", "anna (p-7k2m9q4x)"),
    ("p-00000000", "p-00000000 (erased)"),
    ("bert", "bert"),
    ("by p-7k2m9q4x, p-00000000; (p-7k2m9q4x)", "by anna (p-7k2m9q4x), p-00000000 (erased); (anna (p-7k2m9q4x))"),
    ("p-zzzzzzzz is of another registry", "p-zzzzzzzz is of another registry"),
    ("xp-7k2m9q4x p-7k2m9q4xx p-7k2m9q4x-2", "xp-7k2m9q4x p-7k2m9q4xx p-7k2m9q4x-2"),
    ("mlreg approve v1 --actor p-7k2m9q4x --reason x", "mlreg approve v1 --actor p-7k2m9q4x --reason x"),
    ("mlreg people erase p-7k2m9q4x --yes", "mlreg people erase p-7k2m9q4x --yes"),
    ('{"actor":"p-7k2m9q4x"}', '{"actor":"anna (p-7k2m9q4x)"}'),
])  # fmt: skip
def test_a_text_is_read_with_names(text, read):
    assert DIRECTORY.in_words(text) == read
    assert DIRECTORY.in_words(DIRECTORY.in_words(text)) == read


def test_an_actor_is_shown_with_the_present_name():
    assert [DIRECTORY.shown(actor) for actor in ("p-7k2m9q4x", "p-00000000", "automation")] == [
        "anna (p-7k2m9q4x)", "p-00000000 (erased)", "automation",
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "named"), [
    ("Anna asked", [ANNA.id]), ("ask ANNA@bank.example", [ANNA.id]), ("annals", []), ("joanna", []), ("", []),
    ("anna-maria", [ANNA.id]), ("p-7k2m9q4x asked", []),
])  # fmt: skip
def test_names_are_found_as_whole_words_in_any_case(text, named):
    assert DIRECTORY.named_in(text) == named


def test_an_empty_directory_changes_nothing():
    assert Directory().in_words("p-7k2m9q4x") == "p-7k2m9q4x"
    assert Directory().id_of("anna") == "anna"
    assert not Directory()
    assert Directory([GONE])
