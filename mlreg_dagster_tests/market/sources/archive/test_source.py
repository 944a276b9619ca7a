"""Archives of hourly bars: two recorded markets, and every way in which a file can be bad."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.config import ArchiveColumns, ArchiveSettings
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.archive.source import Archive
from mlreg_dagster.market.sources.base import HourNotAvailable, MalformedArchive
from mlreg_dagster_tests.market.sources import source_fixtures
from mlreg_dagster_tests.market.sources.source_fixtures import OPENING

LATER = pd.Timestamp("2030-01-01", tz="UTC")
ASKED = source_fixtures.hours(OPENING + pd.Timedelta(days=10), 5)


def archive(path: Path | str, universe: int = 100, **settings: object) -> Archive:
    return Archive(ArchiveSettings(path=str(path), **settings), universe)


def snapshots(path: Path | str, asked: pd.DatetimeIndex = ASKED, **settings: object) -> pd.DataFrame:
    return MARKET_SNAPSHOT.validate(archive(path, **settings).snapshots(asked, LATER))


def spoiled(column: str, value: object) -> pd.DataFrame:
    """The usual bars with one value of the hours asked made bad."""
    bars = source_fixtures.bars()
    place = bars[bars["ts"].isin(ASKED)].index[3]
    bars[column] = bars[column].astype(object) if isinstance(value, str | None) else bars[column]
    bars.loc[place, column] = value
    return bars


@pytest.fixture(params=["bars.parquet", "bars.csv", "bars.csv.gz"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / request.param


def test_a_snapshot_is_the_bar_that_starts_at_the_hour(path: Path) -> None:
    bars = source_fixtures.bars()
    rows = snapshots(source_fixtures.write(bars, path))
    expected = bars[bars["ts"].isin(ASKED)].sort_values(["ts", "asset_id"], ignore_index=True)
    assert rows["price"].tolist() == expected["close"].tolist()
    assert rows["instrument_id"].tolist() == expected["asset_id"].tolist()
    assert rows["symbol"].tolist() == expected["symbol"].tolist()
    assert (rows["observed_at"] == rows["hour"] + HOUR).all()
    assert rows["market_cap"].isna().all()
    for row in rows.itertuples():
        own = bars[(bars["asset_id"] == row.instrument_id) & (bars["ts"] <= row.hour)]
        day = own[own["ts"] > row.hour - 24 * HOUR]
        assert row.volume_24h == pytest.approx((day["close"] * day["volume"]).sum())
        assert row.all_time_high == own["close"].max()


def test_the_high_before_the_window_counts(tmp_path: Path) -> None:
    bars = source_fixtures.bars()
    bars.loc[0, "close"] = 1e6
    rows = snapshots(source_fixtures.write(bars, tmp_path / "bars.parquet"))
    assert rows.loc[rows["instrument_id"] == "coin0", "all_time_high"].eq(1e6).all()


def test_volume_may_be_money_already_and_columns_may_have_other_names(tmp_path: Path) -> None:
    bars = source_fixtures.bars()
    money = bars.assign(volume=bars["close"] * bars["volume"])
    names = {
        "asset_id": 'the "id"',
        "symbol": "ticker",
        "ts": "o'clock",
        "close": "last",
        "volume": "Turn over",
    }
    path = source_fixtures.write(money.rename(columns=names), tmp_path / "it's.csv")
    columns = ArchiveColumns(**dict(zip(ArchiveColumns.model_fields, names.values(), strict=True)))
    plain = snapshots(source_fixtures.write(bars, tmp_path / "bars.parquet"))
    pd.testing.assert_frame_equal(snapshots(path, columns=columns, volume_unit="quote"), plain)


def test_a_glob_reads_several_files_and_errors_name_the_one(tmp_path: Path) -> None:
    bars = source_fixtures.bars()
    for name, part in bars.groupby("asset_id"):
        source_fixtures.write(part, tmp_path / f"{name}.parquet")
    assert set(snapshots(tmp_path / "*.parquet")["instrument_id"]) == {"coin0", "coin1", "coin2", "coin3"}
    bad = spoiled("close", -1.0)
    name = bad[bad["close"] < 0]["asset_id"].iloc[0]
    source_fixtures.write(bad[bad["asset_id"] == name], tmp_path / f"{name}.parquet")
    with pytest.raises(MalformedArchive, match=rf"{name}\.parquet, row \d+: column close of {name} at 2026-03-11"):
        snapshots(tmp_path / "*.parquet")


def test_times_without_a_zone_are_utc_and_others_are_converted(tmp_path: Path) -> None:
    bars = source_fixtures.bars()
    expected = snapshots(source_fixtures.write(bars, tmp_path / "utc.parquet"))
    naive = bars.assign(ts=bars["ts"].dt.tz_localize(None))
    hanoi = bars.assign(ts=bars["ts"].dt.tz_convert("Asia/Ho_Chi_Minh"))
    for name, frame in {
        "naive.parquet": naive,
        "naive.csv": naive,
        "hanoi.parquet": hanoi,
        "hanoi.csv": hanoi,
    }.items():
        pd.testing.assert_frame_equal(
            snapshots(source_fixtures.write(frame, tmp_path / name)), expected, check_exact=True
        )


def test_the_universe_of_an_hour_is_ranked_by_what_had_traded_by_then(tmp_path: Path) -> None:
    bars = source_fixtures.bars(instruments=5)
    bars.loc[bars["asset_id"] == "coin0", "volume"] = 1e-9
    bars.loc[(bars["asset_id"] == "coin0") & (bars["ts"] >= ASKED[3]), "volume"] = 1e9
    rows = archive(source_fixtures.write(bars, tmp_path / "bars.parquet"), universe=3).snapshots(ASKED, LATER)
    whole = archive(tmp_path / "bars.parquet").snapshots(ASKED, LATER)
    for hour, kept in rows.groupby("hour"):
        ranked = whole[whole["hour"] == hour].sort_values("volume_24h", ascending=False)
        assert set(kept["instrument_id"]) == set(ranked["instrument_id"].head(3))
    crowded = whole.groupby("hour").filter(lambda hour: len(hour) > 3)
    seen = crowded[crowded["instrument_id"] == "coin0"]["hour"]
    kept_hours = rows[rows["instrument_id"] == "coin0"]["hour"]
    assert set(seen) & set(kept_hours) == {hour for hour in seen if hour >= ASKED[3]} != set()
    assert {hour for hour in seen if hour < ASKED[3]}


@pytest.mark.parametrize("name", ["bars.parquet", "bars.csv"])
@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("close", -1.0, "column close of coin.* must be finite and greater than 0 .found -1.0"),
        ("close", 0.0, "column close of coin.* must be finite and greater than 0 .found 0.0"),
        ("close", np.nan, "column close of coin.* must be finite and greater than 0 .found nothing"),
        ("close", np.inf, "column close of coin.* must be finite and greater than 0 .found inf"),
        ("volume", -5.0, "column volume of coin.* must be finite and not negative"),
        ("volume", np.inf, "column volume of coin.* must be finite and not negative"),
        (
            "ts",
            OPENING + pd.Timedelta("10D1h30min"),
            "column ts of coin.*2026-03-11 01:30.* must be a whole hour",
        ),
        ("asset_id", None, "column asset_id .* must not be empty"),
        ("symbol", None, "column symbol of coin.* must not be empty"),
    ],
)
def test_a_bad_bar_is_named(tmp_path: Path, name: str, column: str, value: object, said: str) -> None:
    with pytest.raises(MalformedArchive, match=said) as caught:
        snapshots(source_fixtures.write(spoiled(column, value), tmp_path / name))
    assert str(tmp_path / name) in str(caught.value)
    assert "2026-03-11" in str(caught.value)


def test_a_volume_too_large_for_a_number_is_unknown_and_costs_no_other_instrument(path: Path) -> None:
    source = archive(source_fixtures.write(spoiled("volume", 1e308), path))
    rows = MARKET_SNAPSHOT.validate(source.snapshots(ASKED, LATER))
    unknown = rows["volume_24h"].isna()
    assert rows.loc[unknown, "instrument_id"].nunique() == 1
    assert source.unknown == {"volume_24h, too large": unknown.sum()}
    expected = snapshots(source_fixtures.write(source_fixtures.bars(), path))
    pd.testing.assert_frame_equal(rows[~unknown], expected[~unknown])


def test_a_repeated_bar_is_named(path: Path) -> None:
    bars = source_fixtures.bars()
    again = bars[(bars["asset_id"] == "coin2") & bars["ts"].isin(ASKED)].head(1)
    source_fixtures.write(pd.concat([bars, again]), path)
    with pytest.raises(MalformedArchive, match=r"of coin2 at 2026-03-11 .*more than one bar"):
        snapshots(path)


def test_a_bad_bar_elsewhere_does_not_stop_an_hour(tmp_path: Path) -> None:
    bars = source_fixtures.bars()
    expected = snapshots(source_fixtures.write(bars, tmp_path / "good.parquet"))
    bars.loc[bars["ts"] > ASKED[-1], "close"] = -1.0
    pd.testing.assert_frame_equal(snapshots(source_fixtures.write(bars, tmp_path / "bad.parquet")), expected)


def test_a_price_before_the_window_that_is_not_finite_spoils_the_high(tmp_path: Path) -> None:
    bars = source_fixtures.bars()
    bars.loc[0, "close"] = np.inf
    with pytest.raises(MalformedArchive, match=r"row 1: column close of coin0 at 2026-03-01.*every bar"):
        snapshots(source_fixtures.write(bars, tmp_path / "bars.parquet"))


def test_an_excluded_instrument_is_left_out_and_not_checked(tmp_path: Path) -> None:
    bars = source_fixtures.bars()
    bars.loc[bars["asset_id"] == "coin1", "close"] = -1.0
    rows = snapshots(source_fixtures.write(bars, tmp_path / "bars.parquet"), exclude=("coin1",))
    assert set(rows["instrument_id"]) == {"coin0", "coin2", "coin3"}


def test_an_unknown_volume_stays_unknown(tmp_path: Path) -> None:
    bars = source_fixtures.bars()
    bars.loc[bars["asset_id"] == "coin1", "volume"] = np.nan
    for name in ("bars.parquet", "bars.csv"):
        rows = snapshots(source_fixtures.write(bars, tmp_path / name))
        assert rows.groupby("instrument_id")["volume_24h"].count()["coin1"] == 0
        assert rows.groupby("instrument_id")["volume_24h"].count()["coin2"] > 0


@pytest.mark.parametrize("name", ["bars.parquet", "bars.csv"])
def test_a_missing_column_is_named_with_what_there_is(tmp_path: Path, name: str) -> None:
    path = source_fixtures.write(source_fixtures.bars().drop(columns="close"), tmp_path / name)
    with pytest.raises(MalformedArchive, match=r"no column close .archive\.columns\.close.; it has .*volume"):
        snapshots(path)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("close", "12,5", "column close holds VARCHAR; close must be a number"),
        ("ts", "2026-03-01", "column ts holds VARCHAR; time must be a timestamp"),
        ("asset_id", 7, "column asset_id holds BIGINT; instrument_id must be text"),
    ],
)
def test_a_column_of_the_wrong_type_is_named(tmp_path: Path, column: str, values: object, said: str) -> None:
    path = source_fixtures.write(source_fixtures.bars().assign(**{column: values}), tmp_path / "bars.parquet")
    with pytest.raises(MalformedArchive, match=said):
        snapshots(path)


def test_a_word_in_a_csv_is_named_with_file_and_row(tmp_path: Path) -> None:
    for column in ("close", "volume"):
        bars = spoiled(column, "n/a?")
        row = bars.index[bars[column] == "n/a?"][0] + 1
        path = source_fixtures.write(bars, tmp_path / "bars.csv")
        with pytest.raises(MalformedArchive, match=rf"bars\.csv, row {row}: column {column} .*number.* .found n/a\?"):
            snapshots(path)
        snapshots(path, ASKED - pd.Timedelta(days=5))  # it stops none but those that read it


def test_tickers_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    bars = source_fixtures.bars()
    bars["asset_id"] = "00" + bars["asset_id"].str[-1]
    rows = snapshots(source_fixtures.write(bars, tmp_path / "bars.csv"))
    assert set(rows["instrument_id"]) == {"000", "001", "002", "003"}


@pytest.mark.parametrize("name", ["none.parquet", "none*.csv"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(MalformedArchive, match=r"none.*No files found"):
        snapshots(tmp_path / name)


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "bars.parquet").write_text("<html>")
    with pytest.raises(MalformedArchive, match=r"bars\.parquet can't be read as hourly bars"):
        snapshots(tmp_path / "bars.parquet")


def test_an_archive_without_bars_or_with_timeless_ones_is_refused(tmp_path: Path) -> None:
    path = source_fixtures.write(source_fixtures.bars().iloc[:0], tmp_path / "bars.parquet")
    with pytest.raises(MalformedArchive, match="there are no bars"):
        snapshots(path)
    bars = source_fixtures.bars()
    bars.loc[:2, "ts"] = pd.NaT
    with pytest.raises(MalformedArchive, match=r"row 1: column ts of coin0: must be a time .*3 bars have no time"):
        snapshots(source_fixtures.write(bars, path))


def test_no_path_is_an_error_that_says_where_to_set_it() -> None:
    with pytest.raises(MalformedArchive, match=r"archive\.path is not set in ingest\.yaml"):
        Archive(ArchiveSettings(), 10)


def test_hours_outside_the_archive_are_refused_with_its_range(tmp_path: Path) -> None:
    path = source_fixtures.write(source_fixtures.bars(days=20), tmp_path / "bars.parquet")
    for hour in (OPENING - HOUR, OPENING + pd.Timedelta(days=20)):
        assert not archive(path).can_ask(hour, LATER)
        with pytest.raises(HourNotAvailable, match="2026-03-01 00:00 UTC to 2026-03-20 23:00 UTC"):
            archive(path).snapshots(pd.DatetimeIndex([hour]), LATER)
