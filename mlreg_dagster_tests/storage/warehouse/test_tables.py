from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.storage.warehouse.duckdb_warehouse import DuckDBWarehouse
from mlreg_dagster.storage.warehouse.tables import FEW_TEXTS, InvalidRows, Table, column
from mlreg_dagster_tests.storage.warehouse.sample_table import FIRST, READINGS, rows

GOOD = rows([FIRST])

BAD = {
    "a missing column": (GOOD.drop(columns="price"), r"readings: a column is missing \(found price\)"),
    "an unknown column": (GOOD.assign(extra=1), r"readings: an unknown column \(found extra\)"),
    "another order": (GOOD[sorted(GOOD)], r"not in the order of the table"),
    "a column twice": (
        pd.concat([GOOD, GOOD[["price"]]], axis=1),
        r"not in the order of the table \(found price\)",
    ),
    "a null price": (GOOD.assign(price=np.nan), r"price: must not be null \(found nan in row 0\)"),
    "a negative price": (GOOD.assign(price=-1.5), r"price: must be greater than 0 \(found -1\.5 in row 0\)"),
    "a price as text": (GOOD.assign(price="1"), r"price: dtype\('float64'\)"),
    "a price as whole number": (GOOD.assign(price=1), r"price: dtype\('float64'\) \(found int64\)"),
    "a null name": (GOOD.assign(name=None), r"name: must not be null"),
    "a name as number": (
        GOOD.assign(name=pd.Series([1, 2, 3], dtype=object)),
        r"name: dtype.*found 1 in row 0",
    ),
    "a time without zone": (GOOD.assign(hour=GOOD["hour"].dt.tz_localize(None)), r"hour: dtype.*UTC"),
    "a time in nanoseconds": (
        GOOD.assign(hour=GOOD["hour"].astype("datetime64[ns, UTC]")),
        r"hour: dtype.*us",
    ),
    "a flag as number": (GOOD.assign(flag=1), r"flag: dtype\('bool'\)"),
    "a key twice": (GOOD.assign(name="i0"), r"the key is there more than once.*found i0 in row 0"),
}


@pytest.mark.parametrize(("frame", "message"), BAD.values(), ids=BAD)
def test_bad_rows_are_refused_in_words(frame, message):
    with pytest.raises(InvalidRows, match=message) as error:
        READINGS.validate(frame)
    assert str(error.value).endswith("Nothing was stored.")


def test_a_rule_between_columns_is_told_with_the_first_row_that_breaks_it():
    table = replace(READINGS, rules={"cap must be above price": lambda rows: rows["cap"] > rows["price"]})
    good = GOOD.assign(cap=2.0)
    pd.testing.assert_frame_equal(table.validate(good), good)
    table.validate(good.iloc[:0])
    with pytest.raises(InvalidRows) as error:
        table.validate(good.assign(cap=[2.0, 1.0, 0.5]))
    where = f"hour {FIRST}, name i1"
    assert str(error.value) == f"readings: cap must be above price; broken in 2 rows ({where}). Nothing was stored."
    with pytest.raises(InvalidRows, match=r"a column is missing \(found price\)"):
        table.validate(good.drop(columns="price"))


def test_only_the_first_failures_are_listed_and_the_rest_counted():
    with pytest.raises(InvalidRows, match=r"in row 4\); and 15 more\."):
        READINGS.validate(rows([FIRST], names=20, price=-1.0))


def test_the_same_name_in_another_hour_is_another_row():
    frame = rows([FIRST, FIRST + HOUR])
    pd.testing.assert_frame_equal(READINGS.validate(frame), frame)


def test_rows_may_be_none_and_text_may_be_objects():
    READINGS.validate(GOOD.iloc[:0])
    READINGS.validate(GOOD.astype({"name": object, "label": object}))


def test_the_sql_follows_from_the_columns():
    assert READINGS.partition_column == "hour"
    assert READINGS.ddl() == (
        'CREATE TABLE IF NOT EXISTS "readings" ("hour" TIMESTAMPTZ NOT NULL, "name" VARCHAR NOT NULL, '
        '"price" DOUBLE NOT NULL, "cap" DOUBLE, "label" VARCHAR, "count" BIGINT NOT NULL, '
        '"flag" BOOLEAN NOT NULL, "seen_at" TIMESTAMPTZ)'
    )


def test_a_type_without_an_sql_type_is_not_taken_for_text():
    table = Table("t", "…", {"day": column("complex128", "…")}, ("day",))
    with pytest.raises(KeyError, match="complex128"):
        table.ddl()


@pytest.mark.parametrize("dtype", ["str", "category"])
def test_few_texts_are_stored_and_read_as_text(tmp_path, dtype):
    table = Table("t", "…", {"day": column(int, "…"), "kind": column(FEW_TEXTS, "…")}, ("day",))
    rows = pd.DataFrame({"day": [1, 2, 3], "kind": pd.Series(["a", "b", "a"], dtype=dtype)})
    warehouse = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
    warehouse.write(table, rows, [1, 2, 3])
    pd.testing.assert_frame_equal(warehouse.read(table), rows.astype({"kind": "str"}))
    rows.loc[1, "kind"] = None
    with pytest.raises(InvalidRows, match="kind: must not be null"):
        warehouse.write(table, rows, [1, 2, 3])


def test_numbers_are_no_texts_however_few(tmp_path):
    table = Table("t", "…", {"day": column(int, "…"), "kind": column(FEW_TEXTS, "…")}, ("day",))
    frame = pd.DataFrame({"day": [1, 2], "kind": [7, 7]})
    with pytest.raises(InvalidRows, match="kind: must be text"):
        DuckDBWarehouse(tmp_path / "warehouse.duckdb").write(table, frame, [1, 2])
