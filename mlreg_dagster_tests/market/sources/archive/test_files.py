"""Archives of several files that agree on nothing but the names of their columns, and files of other forms."""

import gzip
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlreg_dagster.config import ArchiveSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.sources.archive.source import Archive
from mlreg_dagster.market.sources.base import MalformedArchive
from mlreg_dagster_tests.market.sources import source_fixtures
from mlreg_dagster_tests.market.sources.archive.archives import (
    CSV,
    HOURS,
    NOW,
    PRICES,
    arrow,
    ask,
    bars,
    refusal,
    texts,
)

NUMBERS = {
    "whole": (pa.array([1, 2, 3]), [1, 2, 3]),
    "small": (pa.array([1, 2, 3], pa.int8()), [1, 2, 3]),
    "unsigned": (pa.array([1, 2, 2**64 - 1], pa.uint64()), [1, 2, 2.0**64]),
    "float32": (pa.array([0.5, 1.5, 2.5], pa.float32()), [0.5, 1.5, 2.5]),
    "two_places": (pa.array(map(Decimal, ["0.01", "1.60", "3.25"]), pa.decimal128(4, 2)), [0.01, 1.6, 3.25]),
    "many_places": (
        pa.array(map(Decimal, ["0.014943210000000001", "1.6", "104250.123456789012345678"]), pa.decimal128(38, 18)),
        [0.014943210000000001, 1.6, 104250.123456789012345678],
    ),
    "double": (pa.array(PRICES), PRICES),
}  # fmt: skip


@pytest.mark.parametrize("first", NUMBERS)
def test_numbers_keep_their_value_whatever_type_the_first_file_has(tmp_path: Path, first: str) -> None:
    for name, (values, _) in NUMBERS.items():
        stem = f"0{name}" if name == first else name
        arrow(tmp_path / f"{stem}.parquet", close=values, asset_id=pa.array([name] * 3))
    assert ask(tmp_path / "*.parquet") == {name: expected for name, (_, expected) in NUMBERS.items()}


def test_times_of_other_units_and_zones_are_the_same_hours(tmp_path: Path) -> None:
    utc = pd.Series(HOURS)
    arrow(tmp_path / "s.parquet", ts=pa.array(utc.dt.tz_localize(None).dt.as_unit("s")))
    arrow(tmp_path / "ms.parquet", ts=pa.array(utc.dt.tz_convert("Asia/Tokyo").dt.as_unit("ms")))
    arrow(tmp_path / "ns.parquet", ts=pa.array(utc.dt.as_unit("ns")))
    for unit, size in {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}.items():
        numbers = utc.dt.as_unit("ns").astype("int64") // size
        arrow(tmp_path / f"number_{unit}.parquet", ts=pa.array(numbers))
    arrow(tmp_path / "number_float.parquet", ts=pa.array(utc.dt.as_unit("s").astype("int64").astype(float)))
    found = ask(tmp_path / "*.parquet")
    assert len(found) == 8
    assert all(prices == PRICES for prices in found.values())


def test_half_a_microsecond_past_the_hour_is_no_whole_hour(tmp_path: Path) -> None:
    arrow(
        tmp_path / "bars.parquet",
        ts=pa.array(pd.Series(HOURS).dt.tz_localize(None).dt.as_unit("ns") + pd.Timedelta("500ns")),
    )
    assert "row 1: column ts of bars: must be a time" in refusal(tmp_path / "bars.parquet")


def test_order_of_columns_and_kinds_of_text_may_differ(tmp_path: Path) -> None:
    bars("a")[["volume", "close", "ts", "symbol", "asset_id"]].to_parquet(tmp_path / "a.parquet")
    arrow(tmp_path / "b.parquet", symbol=pa.array(["B"] * 3).dictionary_encode())
    arrow(tmp_path / "c.parquet", asset_id=pa.array(["c"] * 3, pa.large_string()))
    bars("d").astype({"symbol": "category"}).to_csv(tmp_path / "d.csv", index=False)
    bars("e")[["symbol", "volume", "ts", "asset_id", "close"]].to_csv(tmp_path / "e.csv.gz", index=False)
    assert ask(tmp_path / "*.*") == dict.fromkeys("abcde", PRICES)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("close", pa.array([True, False, True]), "column close holds BOOLEAN; close must be a number"),
        ("close", pa.array(["1", "2", "3"]), "column close holds VARCHAR; close must be a number"),
        ("volume", pa.array([[1], [2], [3]]), "column volume holds a nested value; volume must be a number"),
        ("asset_id", pa.array([1, 2, 3]), "column asset_id holds BIGINT; instrument_id must be text"),
        ("symbol", pa.array([b"A"] * 3), "column symbol holds BLOB; symbol must be text"),
        ("ts", pa.array([1, 2, 3], pa.date32()), "column ts holds DATE; time must be a timestamp"),
        ("ts", pa.array(["2025-06-01T02:00:00Z"] * 3), "column ts holds VARCHAR; time must be a timestamp"),
        ("volume", None, "has no column volume .archive.columns.volume.; it has asset_id, symbol, ts, close."),
    ],
)
def test_a_later_file_of_another_type_is_named(tmp_path: Path, column: str, values: pa.Array | None, said: str) -> None:
    arrow(tmp_path / "a.parquet")
    arrow(tmp_path / "b.parquet", **{column: values})
    with pytest.raises(MalformedArchive, match=rf"b\.parquet.*{said}"):
        ask(tmp_path / "*.parquet")


def test_a_column_of_nulls_is_unknown_and_files_without_bars_are_passed_over(tmp_path: Path) -> None:
    arrow(tmp_path / "a.parquet", volume=pa.nulls(3))
    arrow(tmp_path / "b.parquet")
    pd.DataFrame(columns=["asset_id", "symbol", "ts", "close", "volume"]).to_parquet(tmp_path / "c.parquet")
    texts(tmp_path / "d.csv", "something\n")
    rows = Archive(ArchiveSettings(path=str(tmp_path / "*.*")), 9).snapshots(HOURS, NOW)
    assert rows[rows["instrument_id"] == "a"]["volume_24h"].isna().all()
    assert rows[rows["instrument_id"] == "b"]["volume_24h"].notna().all()


def test_what_is_excluded_is_not_checked_whatever_it_holds(tmp_path: Path) -> None:
    arrow(tmp_path / "good.parquet")
    arrow(tmp_path / "index.parquet", close=pa.array(["a", "b", "c"]), ts=pa.nulls(3))
    pd.concat([bars("index").assign(close=np.inf, ts=pd.NaT), bars("more")]).to_parquet(tmp_path / "mixed.parquet")
    texts(tmp_path / "other.csv", "asset_id,symbol,ts,close\nindex,,x,y\n")
    assert ask(tmp_path / "*.*", exclude=("index",)) == {"good": PRICES, "more": PRICES}
    assert "column close holds VARCHAR" in refusal(tmp_path / "*.*")


def test_a_repeated_bar_of_two_files_names_both(tmp_path: Path) -> None:
    for name in ("a", "b"):
        bars("btc").to_parquet(tmp_path / f"{name}.parquet")
    said = refusal(tmp_path / "*.parquet")
    assert "a.parquet, row 1: column ts of btc" in said
    assert "more than one bar" in said
    assert "b.parquet" in said


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("names", [("btc", "eth"), ("0700", "0941"), ("BTC%2FUSDT", "1e5")])
def test_folders_may_say_what_files_do_not(tmp_path: Path, form: str, names: tuple[str, str]) -> None:
    for name in names:
        folder = tmp_path / "market=1" / f"asset_id={name}"
        folder.mkdir(parents=True)
        source_fixtures.write(
            bars("x").drop(columns="asset_id").assign(path="p", instrument_id="i"), folder / f"bars.{form}"
        )
    assert set(ask(tmp_path / "**" / f"*.{form}")) == {name.replace("%2F", "/") for name in names}


def test_a_bad_bar_in_a_folder_is_named_with_its_file_and_row(tmp_path: Path) -> None:
    for name, price in (("a", 1.0), ("b", -1.0)):
        (tmp_path / f"asset_id={name}").mkdir()
        rows = bars("x").drop(columns="asset_id").assign(close=[1.0, price, 1.0])
        rows.to_parquet(tmp_path / f"asset_id={name}" / "bars.parquet")
    said = refusal(tmp_path / "*" / "*.parquet")
    assert "asset_id=b/bars.parquet, row 2: column close of b at 2025-06-01 03:00:00+00: must be" in said
    assert ask(tmp_path / "*" / "*.parquet", exclude=("b",)) == {"a": [1.0, 1.0, 1.0]}


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_column_of_the_file_counts_more_than_its_folder(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "asset_id=folder" / "close=7"
    folder.mkdir(parents=True)
    source_fixtures.write(bars("file").assign(filename="mine", file="own", file_row_number=7), folder / f"bars.{form}")
    assert ask(folder / f"*.{form}") == {"file": PRICES}
    assert ask(folder / f"*.{form}", columns={"symbol": "filename", "instrument_id": "file"}) == {"own": PRICES}


def test_columns_that_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    bars().assign(Close=7.0).to_parquet(tmp_path / "bars.parquet")
    assert "2 columns close" in refusal(tmp_path / "bars.parquet")
    assert "2 columns close" in refusal(
        texts(tmp_path / "bars.csv", "asset_id,symbol,ts,close,close,volume\na,A,,1,2,3")
    )


def test_a_relative_path_is_found_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bars().assign(close=-1.0).to_parquet("a[1].parquet")
    assert f"{tmp_path}/a[1].parquet, row 1: column close of btc" in refusal("a[1].parquet")


def test_names_with_wildcards_are_plain_names(tmp_path: Path) -> None:
    for name in ("a[1].parquet", "it's ?.parquet", "*.parquet"):
        bars().to_parquet(tmp_path / name)
        assert ask(tmp_path / name) == {"btc": PRICES}
    bars("other").to_parquet(tmp_path / "a1.parquet")
    assert ask(tmp_path / "a[1].parquet") == {"btc": PRICES}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("bars.xlsx", b"PK\x03\x04rest of it", "zip file .Excel"),
        ("bars.csv", b"PK\x03\x04rest of it", "zip file .Excel"),
        ("bars.json", b'[{"asset_id": 1}]', r"neither Parquet nor called .csv or .csv.gz .\.json"),
        ("bars.json.gz", gzip.compress(b"[]", mtime=0), "gzip of something"),
        ("bars.csv", gzip.compress(CSV.encode(), mtime=0), "gzip of something"),
        ("bars.feather", b"ARROW1\0\0", "Arrow or Feather"),
        ("bars.csv", b"\xff\xfea\0", "UTF-16"),
        ("bars.parquet", b"<html>", r"neither Parquet.*\.parquet"),
        ("bars", b"text", "without an ending"),
        ("bars.csv", b"", "is empty"),
        ("bars.csv", b"a,\xff,b\n", "first line is no CSV"),
    ],
)  # fmt: skip
def test_a_file_of_another_form_is_named_as_such(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    bars().to_parquet(tmp_path / "a.parquet")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MalformedArchive, match=rf"/{name}.*{said}"):
        ask(tmp_path / "*")


def test_the_ending_of_a_parquet_file_may_be_any(tmp_path: Path) -> None:
    bars().to_parquet(tmp_path / "bars.snappy.pq")
    bars("b").to_csv(tmp_path / "bars.CSV", index=False)
    assert set(ask(tmp_path / "*")) == {"btc", "b"}


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "it is a folder. Name its files" in refusal(tmp_path)


def test_a_hundred_files_are_read_as_one(tmp_path: Path) -> None:
    for number in range(100):
        bars(f"a{number}").to_parquet(tmp_path / f"{number}.parquet")
    assert len(ask(tmp_path / "*.parquet")) == 100
    assert not ask(tmp_path / "*.parquet", hours=HOURS[-1:]).keys() - ask(tmp_path / "*.parquet").keys()
    assert HOURS[0] + 2 * HOUR == HOURS[-1]
