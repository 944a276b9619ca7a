"""What every warehouse has to do: a class of tests to inherit, with a fixture `warehouse` that gives an empty one."""

import time
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.storage.warehouse import sql_warehouse
from mlreg_dagster.storage.warehouse.tables import UTC, InvalidRows, Table, column
from mlreg_dagster.storage.warehouse.warehouse import TableChanged
from mlreg_dagster_tests.storage.warehouse.sample_table import DAY, FIRST, READINGS, assert_stored, rows

GROWN = replace(
    READINGS,
    columns=READINGS.columns
    | {
        "depth": column(float, "Gained.", nullable=True),
        "note": column(str, "Gained.", nullable=True),
        "left_at": column(UTC, "Gained.", nullable=True),
    },
)
"""The table as a later release describes it."""

_NO_NUMBER, _NO_TEXT = float("nan"), pd.Series([None] * 72, dtype="str")
_NO_TIME = pd.Series([None] * 72, dtype=UTC)
_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "hour": st.sampled_from(DAY),
            "name": _NAMES,
            "price": st.floats(min_value=0, exclude_min=True),
            "cap": st.none() | st.floats(allow_nan=False),
            "label": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
            "count": st.integers(-(2**63), 2**63 - 1),
            "flag": st.booleans(),
            "seen_at": st.none() | st.sampled_from(DAY),
        }
    ),
    unique_by=lambda row: (row["hour"], row["name"]),
    max_size=5,
)


class WarehouseContract:
    """Partitions are replaced as a whole or not at all, and rows come back as they were."""

    def test_writing_a_partition_twice_leaves_one_copy(self, warehouse):
        assert [warehouse.write(READINGS, rows(DAY), DAY) for _ in range(2)] == [72, 72]
        assert_stored(warehouse.read(READINGS), rows(DAY))

    def test_a_partition_is_replaced_as_a_whole_and_its_neighbours_stay(self, warehouse):
        warehouse.write(READINGS, rows(DAY), DAY)
        warehouse.write(READINGS, rows(DAY[1:3], names=1, price=2.0), DAY[1:3])
        expected = pd.concat([rows(DAY[:1]), rows(DAY[1:3], names=1, price=2.0), rows(DAY[3:])])
        assert_stored(warehouse.read(READINGS), expected)

    @pytest.mark.parametrize("at_once", [5, 72, 100])
    def test_rows_that_take_several_statements_are_stored_once_and_whole(self, warehouse, monkeypatch, at_once):
        monkeypatch.setattr(sql_warehouse, "_ROWS_AT_ONCE", at_once)
        written = rows(DAY).assign(label=[None] * 36 + ["late"] * 36)  # null in all of the first pieces
        for _ in range(2):
            assert warehouse.write(READINGS, written, DAY) == 72
        assert_stored(warehouse.read(READINGS), written)

    def test_a_partition_without_rows_becomes_empty(self, warehouse):
        warehouse.write(READINGS, rows(DAY), DAY)
        warehouse.write(READINGS, rows(DAY[:1]), DAY)
        assert_stored(warehouse.read(READINGS), rows(DAY[:1]))

    def test_no_partitions_are_no_change(self, warehouse):
        warehouse.write(READINGS, rows(DAY), DAY)
        assert warehouse.write(READINGS, rows([]), []) == 0
        assert len(warehouse.read(READINGS)) == 72

    def test_rows_outside_the_partitions_are_refused(self, warehouse):
        warehouse.write(READINGS, rows(DAY), DAY)
        with pytest.raises(InvalidRows, match=r"6 rows lie outside .* 2026-01-01 01:00:00\+00:00"):
            warehouse.write(READINGS, rows(DAY[:3], price=2.0), DAY[:1])
        assert_stored(warehouse.read(READINGS), rows(DAY))

    def test_one_bad_row_among_good_ones_stores_nothing(self, warehouse):
        warehouse.write(READINGS, rows(DAY[:1]), DAY[:1])
        bad = rows(DAY, price=2.0)
        bad.loc[70, "price"] = -2.0
        with pytest.raises(InvalidRows, match=r"price: .*row 70"):
            warehouse.write(READINGS, bad, DAY)
        assert_stored(warehouse.read(READINGS), rows(DAY[:1]))

    def test_a_table_that_nobody_wrote_is_empty_and_of_the_right_types(self, warehouse):
        empty = warehouse.read(READINGS)
        assert empty.empty
        assert empty.dtypes.to_dict() == rows(DAY).dtypes.to_dict()
        READINGS.validate(empty)

    def test_missing_values_are_null_in_sql_and_missing_again_in_pandas(self, warehouse):
        frame = rows(DAY[:1]).assign(label=pd.Series([None] * 3, dtype="str"))
        warehouse.write(READINGS, frame, DAY[:1])
        counts = warehouse.query(
            "SELECT count(*) AS n, count(cap) AS caps, count(label) AS labels, count(seen_at) AS times FROM readings"
        )
        assert counts.to_dict("records") == [{"n": 3, "caps": 0, "labels": 0, "times": 2}]
        assert_stored(READINGS.validate(warehouse.read(READINGS)), frame)

    def test_times_come_back_as_the_same_utc_instant_whatever_the_zone_of_the_machine(self, warehouse, monkeypatch):
        monkeypatch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        try:
            warehouse.write(READINGS, rows(DAY), DAY)
            assert_stored(warehouse.read(READINGS, DAY[5], DAY[5]), rows(DAY[5:6]))
            shown = warehouse.query("SELECT DISTINCT hour::VARCHAR AS hour FROM readings ORDER BY 1 LIMIT 1")
            assert shown["hour"].tolist() == ["2026-01-01 00:00:00+00"]
            assert str(warehouse.query("SELECT max(hour) AS last FROM readings")["last"].dtype) == "datetime64[us, UTC]"
        finally:
            monkeypatch.undo()
            time.tzset()

    @pytest.mark.parametrize(("first", "last"), [(None, None), (3, None), (None, 3), (3, 5), (5, 5), (5, 3)])
    def test_a_range_holds_both_its_ends(self, warehouse, first, last):
        warehouse.write(READINGS, rows(DAY), DAY)
        wanted = DAY[first : None if last is None else last + 1]
        bounds = [None if end is None else DAY[end] for end in (first, last)]
        assert_stored(warehouse.read(READINGS, *bounds), rows(wanted))

    def test_columns_can_be_chosen_and_rows_are_ordered_by_key(self, warehouse):
        warehouse.write(READINGS, rows(DAY).sample(frac=1, random_state=0), DAY)
        assert_stored(warehouse.read(READINGS, columns=["price", "name"]), rows(DAY)[["price", "name"]])

    def test_whole_numbers_and_yes_or_no_stay_so_where_some_are_null(self, warehouse):
        known = {"hour": column(UTC, "The hour."), "number": column(int, "A number.", nullable=True)}
        table = Table("with_nulls", "An hour.", known | {"yes": column(bool, "Yes.", nullable=True)}, ("hour",))
        large = 2**53 + 1  # no fraction is as exact
        frame = pd.DataFrame({"hour": pd.DatetimeIndex(DAY[:2]).as_unit("us"), "number": [large, large], "yes": True})
        warehouse.write(table, frame, DAY[:2])
        assert warehouse.read(table).dtypes.to_list()[1:] == ["int64", "bool"]
        with warehouse.writing(table) as connection:
            connection.execute("UPDATE with_nulls SET number = NULL, yes = NULL WHERE hour = $hour", {"hour": DAY[1]})
        stored = warehouse.read(table)
        assert stored.dtypes.to_list()[1:] == ["Int64", "boolean"]
        assert (stored["number"][0], stored["yes"][0]) == (large, True)
        assert stored.isna().loc[1, ["number", "yes"]].all()

    def test_rows_of_one_value_can_be_chosen(self, warehouse):
        warehouse.write(READINGS, rows(DAY), DAY)
        expected = rows(DAY).query("name == 'i1'").reset_index(drop=True)
        assert_stored(warehouse.read(READINGS, only={"name": "i1"}), expected)
        of_one = warehouse.read(READINGS, DAY[2], DAY[2], ["price"], only={"name": "i1", "flag": True})
        assert_stored(of_one, expected[["price"]][2:3])
        assert warehouse.read(READINGS, only={"name": "i1", "flag": False}).empty

    def test_the_newest_partition_is_the_last_with_rows(self, warehouse):
        assert warehouse.newest(READINGS) is None
        warehouse.write(READINGS, rows(DAY[:3]), DAY)
        assert warehouse.newest(READINGS) == DAY[2]

    @given(_ROWS)
    def test_any_valid_rows_come_back_as_they_were(self, warehouse, records):
        frame = pd.DataFrame(records, columns=list(READINGS.columns)).astype(rows(DAY).dtypes.to_dict())
        warehouse.write(READINGS, frame, DAY)
        stored = warehouse.read(READINGS).sort_values(list(READINGS.key))
        assert_stored(stored.reset_index(drop=True), frame.sort_values(list(READINGS.key)))

    def test_one_write_within_a_session_is_seen_by_the_next_use(self, warehouse):
        with warehouse.session() as tables:
            tables.write(READINGS, rows(DAY[:2]), DAY[:2])
            with tables.session():  # one within another is the same one
                assert_stored(tables.read(READINGS), rows(DAY[:2]))
        assert_stored(warehouse.read(READINGS), rows(DAY[:2]))

    def test_a_write_that_fails_within_a_session_takes_nothing_with_it(self, warehouse):
        with warehouse.session() as tables:
            tables.write(READINGS, rows(DAY[:1]), DAY[:1])
            with pytest.raises(InvalidRows):
                tables.write(READINGS, rows(DAY[:2]), DAY[:1])
            tables.write(READINGS, rows(DAY[1:2]), DAY[1:2])
        assert_stored(warehouse.read(READINGS), rows(DAY[:2]))

    def test_partitions_with_rows_are_listed_ascending(self, warehouse):
        assert warehouse.partitions(READINGS).empty
        warehouse.write(READINGS, rows(DAY[2:5]), DAY)
        assert list(warehouse.partitions(READINGS)) == list(DAY[2:5])
        assert list(warehouse.partitions(READINGS, DAY[3], DAY[9])) == list(DAY[3:5])

    def test_hours_of_a_table_are_asked_by_its_name(self, warehouse):
        assert warehouse.hours("readings", FIRST, DAY[-1]).empty
        warehouse.write(READINGS, rows(DAY[2:5]), DAY)
        assert list(warehouse.hours("readings", DAY[3], DAY[-1])) == list(DAY[3:5])

    def test_a_connection_finds_the_tables_by_their_names(self, warehouse):
        warehouse.write(READINGS, rows(DAY), DAY)
        with warehouse.connect() as connection:
            assert connection.execute("SELECT count(*) FROM readings").fetchall() == [(72,)]

    @pytest.mark.parametrize(
        ("columns", "differing"),
        [
            ({"extra": column(float, "New.")}, "extra"),
            ({"price": column(int, "Another type.")}, "price"),
            ({"label": column(str, "No longer nullable.")}, "label"),
            ({"extra": column(float, "New."), "note": column(str, "New, and may be null.", nullable=True)}, "extra"),
        ],
    )
    def test_other_columns_than_stored_are_an_error_with_a_remedy(self, warehouse, columns, differing):
        warehouse.write(READINGS, rows(DAY), DAY)
        changed = replace(READINGS, columns=READINGS.columns | columns)
        with pytest.raises(TableChanged, match=rf"differ in: {differing}\. .*MLREG_HOME"):
            warehouse.read(changed)
        assert_stored(warehouse.read(READINGS), rows(DAY))

    def test_a_table_of_an_earlier_release_gains_the_nullable_columns_that_it_lacks_with_the_next_write(
        self, warehouse
    ):
        warehouse.write(READINGS, rows(DAY), DAY)
        before = rows(DAY).assign(depth=_NO_NUMBER, note=_NO_TEXT, left_at=_NO_TIME)
        assert_stored(warehouse.read(GROWN), before)  # a question changes nothing
        assert_stored(warehouse.read(GROWN, DAY[3], DAY[3], ["depth", "name"]), before[["depth", "name"]][9:12])
        assert (warehouse.newest(GROWN), len(warehouse.partitions(GROWN))) == (DAY[-1], 24)
        assert_stored(warehouse.read(READINGS), rows(DAY))

        new = GROWN.validate(rows(DAY[:2]).assign(depth=0.5, note="b", left_at=DAY[0]).astype(before.dtypes.to_dict()))
        assert warehouse.write(GROWN, new, DAY[:2]) == 6
        assert_stored(warehouse.read(GROWN), pd.concat([new, before[6:]]))
        with pytest.raises(TableChanged, match="differ in: depth, left_at, note"):  # an earlier release
            warehouse.read(READINGS)

    def test_a_write_that_is_refused_adds_no_column(self, warehouse):
        warehouse.write(READINGS, rows(DAY), DAY)
        new = rows(DAY[:2]).assign(depth=0.5, note="b", left_at=DAY[0])
        with pytest.raises(InvalidRows):
            warehouse.write(GROWN, new, DAY[:1])
        assert_stored(warehouse.read(READINGS), rows(DAY))

    def test_columns_that_follow_from_settings_are_not_gained(self, warehouse):
        warehouse.write(READINGS, rows(DAY), DAY)
        with pytest.raises(TableChanged, match="differ in: depth, left_at, note"):
            warehouse.read(replace(GROWN, grows=False))
