"""Whatever an archive holds: rows that fit the table, or a refusal that names the file."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlreg_dagster.config import ArchiveSettings
from mlreg_dagster.core.hours import HOUR, as_hour, hour_range
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.archive.source import Archive
from mlreg_dagster_tests.fuzz.mutation import mutated_bytes
from mlreg_dagster_tests.fuzz.profile import accepted, cases

pytestmark = pytest.mark.slow

FIRST = as_hour("2020-01-01")
HOURS = hour_range(FIRST, FIRST + 30 * HOUR)
NOW = FIRST + 100 * HOUR
BARS = pd.DataFrame(
    {
        "asset_id": np.repeat(["a", "b"], len(HOURS)),
        "symbol": np.repeat(["A", "B"], len(HOURS)),
        "ts": np.tile(HOURS, 2),
        "close": np.linspace(1.0, 2.0, 2 * len(HOURS)),
        "volume": np.linspace(10.0, 20.0, 2 * len(HOURS)),
    }
)
NUMBERS = st.sampled_from([0.0, -1.0, -0.0, 1e308, 1e-320, np.nan, np.inf, -np.inf, None])
TIMES = st.sampled_from(
    ["1677-09-21", "9999-12-31T23:00", "2020-01-01T00:30", "0001-01-01", None, "2020-01-01T05:00", "1970-01-01"]
)
DTYPES: dict[str, list[Any]] = {
    "asset_id": ["category", "bytes", "int"], "symbol": ["category", "int"],
    "ts": ["text", "int", "naive", "date", "zone", "float", "ms"],
    "close": ["text", "int8", "float16", "bool", "decimal"],
    "volume": ["text", "int8", "bool", "list"],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@st.composite
def odd_bars(draw: Any) -> pd.DataFrame:
    """Bars with rows, values or whole columns that are none."""
    bars = BARS.copy()
    for _ in range(draw(st.integers(1, 3))):
        row = draw(st.integers(0, len(BARS) - 1))
        how = draw(st.sampled_from(["number", "number", "time", "text", "double", "drop", "rename", "dtype", "none"]))
        column = draw(st.sampled_from(list(BARS.columns)))
        if column not in bars or row >= len(bars):
            continue
        if how == "number":
            name = draw(st.sampled_from(["close", "volume"]))
            bars[name] = bars[name].astype(object) if name in bars else None
            bars.loc[row, name] = draw(NUMBERS)
            bars[name] = pd.to_numeric(bars[name], errors="coerce")
        elif how == "time" and "ts" in bars:
            bars["ts"] = bars["ts"].astype(str).astype(object)
            bars.loc[row, "ts"] = draw(TIMES)
        elif how == "text":
            bars[column] = bars[column].astype(str).astype(object)
            bars.loc[row, column] = draw(st.sampled_from(["", None, "\x00", "x" * 3000, "é", 'a"b', "a,b"]))
        elif how == "double":
            bars = pd.concat([bars, bars.iloc[[row]]], ignore_index=True)
        elif how == "drop":
            bars = bars.drop(columns=column)
        elif how == "rename":
            bars = bars.rename(columns={column: column.upper()})
        elif how == "none":
            bars = bars.iloc[:0]
        else:
            bars[column] = _as(bars[column], draw(st.sampled_from(DTYPES[column])))
    return bars


def _as(values: pd.Series, dtype: str) -> pd.Series:
    texts = values.astype(str)
    other = {
        "text": lambda: texts, "category": lambda: texts.astype("category"), "bytes": lambda: texts.map(str.encode),
        "int": lambda: pd.Series(range(len(values)), index=values.index),
        "int8": lambda: pd.Series(1, index=values.index, dtype="int8"),
        "float16": lambda: pd.Series(1.5, index=values.index, dtype="float32"),
        "bool": lambda: pd.Series(True, index=values.index), "list": lambda: pd.Series([[1.0]] * len(values)),
        "decimal": lambda: pd.Series(pd.arrays.ArrowExtensionArray._from_sequence([1] * len(values))),
        "float": lambda: pd.Series(1.5e9, index=values.index),
    }  # fmt: skip
    if dtype in other:
        return other[dtype]()
    times = pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601")
    return {
        "naive": times.dt.tz_localize(None), "date": times.dt.date, "zone": times.dt.tz_convert("Asia/Kathmandu"),
        "ms": times.dt.as_unit("ms"),
    }[dtype]  # fmt: skip


def _ask(path: Any, what: str) -> None:
    archive = Archive(ArchiveSettings(path=str(path)), universe=5)
    rows = accepted(what, lambda: MARKET_SNAPSHOT.validate(archive.snapshots(HOURS[-6:], NOW)))
    if rows is not None:
        assert rows["price"].gt(0).all()
        assert np.isfinite(rows["price"]).all()
        assert not rows.duplicated(["hour", "instrument_id"]).any()
        assert rows["hour"].isin(HOURS[-6:]).all()


def _parquet(bars: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    bars.to_parquet(buffer, index=False)
    return buffer.getvalue()


@given(odd_bars())
@cases(25, 900)
def test_parquet_of_odd_bars(folder, bars) -> None:
    path = folder / "bars.parquet"
    try:
        path.write_bytes(_parquet(bars))
    except Exception:  # noqa: BLE001 - what can't be written as Parquet is no archive
        return
    _ask(path, "Parquet of odd bars")


@given(mutated_bytes(_parquet(BARS)))
@cases(25, 900)
def test_damaged_parquet(folder, content) -> None:
    (folder / "damaged.parquet").write_bytes(content)
    _ask(folder / "damaged.parquet", "damaged Parquet")


def _csv(bars: pd.DataFrame) -> bytes:
    return bars.to_csv(index=False).encode()


@example(content=b"a, " * 300_000)
@given(content=odd_bars().map(_csv) | mutated_bytes(_csv(BARS)))
@cases(25, 900)
def test_csv(folder, content) -> None:
    (folder / "bars.csv").write_bytes(content)
    _ask(folder / "bars.csv", "CSV")
