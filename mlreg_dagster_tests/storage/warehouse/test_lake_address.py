"""Addresses of lakes: what is read, what is refused, and that no password is shown."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlreg_dagster.config.section import ConfigError
from mlreg_dagster.storage.warehouse.lake.address import read_address

CATALOG = "ducklake:postgresql://anna:sehr-geheim@db:5433/lake?sslmode=require"
_WORDS = st.text(st.sampled_from("abcxyz019-_"), min_size=3, max_size=12).filter(lambda word: word[0] not in "-_")


@pytest.mark.parametrize(
    ("place", "kept"),
    [
        ("/mnt/shared/tables", "/mnt/shared/tables/"),
        ("/mnt//shared/./tables/", "/mnt/shared/tables/"),
        ("/mnt/two words#1", "/mnt/two words#1/"),
        ("s3://bucket", "s3://bucket/"),
        ("s3://bucket/a//b/", "s3://bucket/a/b/"),
    ],
)
def test_an_address_names_the_catalog_and_the_place_of_the_files(place, kept):
    address = read_address(f"{CATALOG}#{place}")
    assert (address.data_path, address.is_object_store) == (kept, place.startswith("s3"))
    assert address.catalog == "postgresql://anna:sehr-geheim@db:5433/lake?sslmode=require"
    assert str(address) == f"ducklake:postgresql://anna@db:5433/lake?sslmode=require#{kept}"
    assert "geheim" not in repr(address)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "does not begin with ducklake:"),
        ("postgresql://db/lake#/tables", "does not begin with ducklake:"),
        ("ducklake:sqlite:///sehr-geheim.db#/tables", "no catalog in PostgreSQL"),
        (CATALOG, "after a #"),
        (f"{CATALOG}#", "after a #"),
        (f"{CATALOG}#tables", "relative path"),
        (f"{CATALOG}#/mnt/../tables", "relative path"),
        (f"{CATALOG}#/", "root of the disk"),
        (f"{CATALOG}#gs://bucket/tables", "neither a folder nor s3"),
        (f"{CATALOG}#s3://", "no bucket"),
        (f"{CATALOG}#s3://Bucket/tables", "no bucket"),
        (f"{CATALOG}#s3://bucket/a/../b", "a folder in the bucket"),
        (f"{CATALOG}#/tables\n", "invisible letter"),
        ("ducklake:postgresql://anna:sehr-geheim@db:port/lake#/tables", "can't be read"),
        ("ducklake:postgresql://anna:sehr-geheim@db#/tables", "names no database"),
        ("ducklake:postgresql://anna@db/lake?password=sehr-geheim#/tables", "among its options"),
        ("ducklake:postgresql://anna:sehr geheim@db/lake#/tables", "a blank"),
    ],
)
def test_what_can_not_be_meant_is_refused_in_words(text, said):
    with pytest.raises(ConfigError, match=said) as told:
        read_address(text)
    assert "geheim" not in str(told.value)
    assert "MLREG_TABLES" in str(told.value)


@given(_WORDS, _WORDS, _WORDS, st.lists(_WORDS, min_size=1, max_size=3), st.integers(1, 65535))
def test_an_address_is_the_same_when_it_is_read_again(user, host, database, folders, port):
    text = f"ducklake:postgresql://{user}@{host}:{port}/{database}#/{'/'.join(folders)}"
    address = read_address(text)
    assert str(address) == f"{text}/"
    assert read_address(str(address)) == address


@settings(max_examples=50)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_an_address_or_a_refusal(catalog, place):
    try:
        shown = repr(address := read_address(f"ducklake:postgresql://anna:sehr-geheim@{catalog}#{place}"))
        shown += str(address)
    except ConfigError as error:
        shown = str(error)
    assert "geheim" not in shown
