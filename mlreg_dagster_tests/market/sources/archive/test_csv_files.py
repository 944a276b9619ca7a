"""Times, numbers, names and separators of CSV files."""

from pathlib import Path

import pytest

from mlreg_dagster_tests.market.sources.archive.archives import CSV, HOURS, ask, refusal, texts


def test_names_of_a_csv_are_told_apart_by_case(tmp_path: Path) -> None:
    path = texts(tmp_path / "bars.csv", "Close,asset_id,symbol,ts,close,volume\n9,a,A,2025-06-01 02:00:00,2,3\n")
    assert ask(path, hours=HOURS[:1]) == {"a": [2.0]}


@pytest.mark.parametrize(
    "time",
    [
        "2025-06-01 02:00:00", "2025-06-01T02:00:00Z", "2025-06-01 02:00:00+00:00", "2025-06-01T02:00Z",
        "2025-06-01 02:00", "2025-06-01T09:00+07:00", "2025-06-01T09:00+07", "2025-06-01T07:30:00+0530",
        "2025-06-01 09:00:00 +0700", "2025-06-01 02:00:00 UTC", "2025-06-01T02:00:00.000Z",
        "1748743200", "1748743200000", "1748743200000000", "1748743200000000000", "1748743200.0",
    ],
)  # fmt: skip
def test_times_of_a_csv(tmp_path: Path, time: str) -> None:
    path = texts(tmp_path / "bars.csv", f"{CSV}btc,BTC,{time},1.5,2\n")
    assert ask(path, hours=HOURS[:1]) == {"btc": [1.5]}


@pytest.mark.parametrize(
    "time",
    ["01/06/2025 03:00", "2025-06-01 02-AM", "2025-06-01 02:00:00 PM", "20250601", "20250601020000", "1.748E+12", "-1",
     "2025-13-01 02:00", "17487432", "25-06-01 02:00:00", "", "now", "1748743200000000001", "0999-01-01 00:00:00"],
)  # fmt: skip
def test_a_time_that_cannot_be_read_is_shown_with_its_row(tmp_path: Path, time: str) -> None:
    path = texts(tmp_path / "bars.csv", f"{CSV}btc,BTC,2025-06-01 02:00:00,1,2\nbtc,BTC,{time},1.5,2\n")
    said = refusal(path, hours=HOURS[:1])
    assert "bars.csv, row 2: column ts of btc" in said
    assert f"must be a time of the years 1678 to 2261 (found {time or 'nothing'};" in said


@pytest.mark.parametrize("close", ["1,234.5", "n/a", "12,5", "$5", "0x10", "True", "5 USD"])
def test_a_number_that_cannot_be_read_is_shown(tmp_path: Path, close: str) -> None:
    path = texts(tmp_path / "bars.csv", f'{CSV}btc,BTC,2025-06-01 02:00:00,"{close}",2\n')
    assert f"row 1: column close of btc at 2025-06-01 02:00:00+00: must be a number (found {close};" in refusal(
        path, hours=HOURS[:1]
    )


def test_numbers_of_a_csv_may_be_quoted_and_have_exponents(tmp_path: Path) -> None:
    path = texts(tmp_path / "bars.csv", f'{CSV}a,A,2025-06-01 02:00:00,"1.5",\nb,B,2025-06-01 02:00:00,1.5E0,nan\n')
    assert ask(path, hours=HOURS[:1]) == {"a": [1.5], "b": [1.5]}


def test_one_column_may_have_two_roles(tmp_path: Path) -> None:
    path = texts(tmp_path / "bars.csv", "name,ts,close\nbtc,2025-06-01 02:00:00,1.5\n")
    columns = {"instrument_id": "name", "symbol": "name", "volume": "close"}
    assert ask(path, hours=HOURS[:1], columns=columns) == {"btc": [1.5]}


def test_signs_that_a_guess_would_take_for_more_are_values(tmp_path: Path) -> None:
    path = texts(tmp_path / "bars.csv", f"{CSV}#a,#A,2025-06-01 02:00:00,1,1\n'b;|,B,2025-06-01 02:00:00,2,1\n")
    assert set(ask(path, hours=HOURS[:1])) == {"#a", "'b;|"}
    texts(path, f"{CSV}# a second export\nbtc,BTC,2025-06-01 02:00:00,1,1\n")
    assert "Line: 2" in refusal(path)


def test_line_ends_and_byte_order_marks(tmp_path: Path) -> None:
    line = "btc,BTC,2025-06-01 02:00:00,1.5,2\n"
    for content in (
        CSV + line,
        "\ufeff" + CSV + line,
        (CSV + line).replace("\n", "\r\n"),
        (CSV + line).replace("\n", "\r"),
    ):
        assert ask(texts(tmp_path / "bars.csv", content), hours=HOURS[:1]) == {"btc": [1.5]}
    assert "line ends of two kinds" in refusal(texts(tmp_path / "bars.csv", CSV + line.replace("\n", "\r\n") * 2))


def test_other_separators_are_named(tmp_path: Path) -> None:
    for sign, name in ((";", "';'"), ("\t", r"'\t'")):
        path = texts(tmp_path / "bars.csv", CSV.replace(",", sign) + sign.join("abcde"))
        assert f"separate columns by commas, not by {name}" in refusal(path)
